"""``render``: the real engine plans the stack from nothing, and its objects are written as files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lab.commands import CommandError
from lab.console import say
from lab.errors import LabError
from lab.layout import Checkout
from lab.preview import NO_AMBIENT_CLUSTER, scratch, tools
from lab.render import applying, directory, plan, secrets
from lab.render.objects import check_known, rendered
from lab.render.plan import Resource
from lab.render.waves import waves
from lab.stack_file import PINNED_MANIFESTS, SECRETS, placeholders
from lab.workspace import Workspace

GUIDE = "README.md"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What ``render`` is asked for."""

    stack: str
    out: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """Values other than the stack's own, by key."""
    stack_file: Path | None = None
    """Where the stack's own values are, if not in Pulumi.<stack>.yaml."""


def render(checkout: Checkout, options: Options) -> None:
    """Write the stack's objects. Asks no cluster, and knows no secret. Raises ``LabError``."""
    source = options.stack_file or checkout.root / f"Pulumi.{options.stack}.yaml"
    if not source.is_file():
        raise LabError(f"there is no stack {options.stack!r}: {source} is missing")
    own = (yaml.safe_load(source.read_text()) or {}).get("config") or {}
    with scratch(checkout) as place:
        programs, manifests = tools(place, unpinned=PINNED_MANIFESTS.keys() - own.keys())
        left_open = placeholders(own, manifests)
        workspace = Workspace(place, options.stack, programs, source=source, secret=secrets.marker)
        workspace.install(["kubernetes", "aws"])
        workspace.configure({**left_open, **options.settings})
        resources = planned(workspace)
    schema = yaml.safe_load((checkout.root / "Pulumi.yaml").read_text())["config"]
    files = written(resources, {key: schema[key]["description"] for key in SECRETS})
    chosen = {key: value for key, value in left_open.items() if key not in options.settings}
    unset = sorted(key for key, value in chosen.items() if any(value in text for text in files.values()))
    directory.write(options.out, {**files, GUIDE: guide(options.stack, unset)})
    say(f"{sum(name.endswith('.yaml') for name in files)} objects in {options.out}, see its {GUIDE}")
    for key in unset:
        say(f"placeholder: {key} is {left_open[key]!r}, which means nothing; give the real one by --set {key}=…")


def planned(workspace: Workspace) -> list[Resource]:
    """The engine's plan. Raises ``LabError`` with what the program says that it lacks."""
    saved = workspace.checkout.scratch / "plan.json"
    # Of the secrets it shows markers: the real ones are not known here.
    options = ["--json", "--show-secrets", f"--save-plan={saved}", f"--config-file={workspace.stack_file}"]
    try:
        workspace.pulumi("preview", *options, environment=NO_AMBIENT_CLUSTER)
    except CommandError as error:
        raise LabError(plan.errors(error.output) or str(error)) from None
    return plan.parsed(saved.read_text())


def written(resources: Sequence[Resource], descriptions: Mapping[str, str]) -> dict[str, str]:
    """The texts of all files but the guide, by their paths. ``descriptions`` are those of the stack's secrets."""
    secrets.check_clean(resources)
    check_known(resources)
    hidden = [one for one in resources if one.is_secret]
    files, namespaces, planned_inputs = {}, {}, {}
    for urn, wave in waves(resources).items():
        one = next(found for found in resources if found.urn == urn)
        content = rendered(one, wave)
        name = directory.file_name(content, wave)
        if name in files:
            raise LabError(f"two objects would be written to {name}, one of them {one.title}")
        files[name], planned_inputs[name] = directory.as_yaml(content), one.inputs
        if one.kind == "Namespace":
            namespaces[one.name] = name
    keys = list(descriptions)
    needed = sorted(namespaces[name] for name in {one.namespace for one in hidden})
    return {
        **files,
        secrets.EXAMPLE: secrets.example(keys, descriptions),
        secrets.SCRIPT: secrets.script(hidden, keys, needed),
        applying.SCRIPT: applying.script(planned_inputs),
    }


def guide(stack: str, unset: Sequence[str]) -> str:
    """What to do with the directory, for people."""
    lines = _GUIDE.format(stack=stack, script=secrets.SCRIPT, example=secrets.EXAMPLE, apply=applying.SCRIPT)
    if unset:
        lines += (
            '\nPlaceholders, which mean nothing, stand for these settings (render again with `SET="KEY=VALUE …"`):\n\n'
        )
        lines += "".join(f"- `{key}`\n" for key in unset)
    return lines


_GUIDE = """\
# Stack {stack}, rendered

Written by `make render STACK={stack} OUT=…`: change the stack and render again instead of changing these files.

```console
$ cp {example} secrets.env && $EDITOR secrets.env     # keep it out of Git
$ sh {script} secrets.env                             # the Secrets, of which none is rendered
$ sh {apply}                            # wave by wave, each when the one before is ready
```

Argo CD takes the directory with `directory.recurse` and `ServerSideApply=true`, after `{script}` has been run.
"""
