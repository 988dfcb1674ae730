"""Secrets stay out of what is rendered: a file of variables to fill in, and a script that makes the Secrets from it.

The program is run with a marker in place of each secret of the stack. What it makes of a marker in a Secret's data
tells what the script has to make of the real value, and a marker anywhere else is an error.
"""

import re
import shlex
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.errors import LabError
from lab.render.plan import Resource

SCRIPT = "create-secrets.sh"
EXAMPLE = "secrets.env.example"
_MARK = "from-secrets-env-"


def variable(key: str) -> str:
    """The environment variable of a setting: ``redisPassword`` is ``REDIS_PASSWORD``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key.rpartition(":")[2]).upper()


def marker(key: str) -> str:
    """What stands for a setting's value. Letters and dashes alone, which every check of a password lets through."""
    return _MARK + variable(key).replace("_", "-").lower()


def check_clean(resources: Iterable[Resource]) -> None:
    """Raises ``LabError`` when a secret's value would stand in an object that is no Secret."""
    leaks = [one.title for one in resources if one.is_rendered and _MARK in str(one.inputs)]
    if leaks:
        raise LabError(f"a secret's value stands in {', '.join(leaks)}: let it refer to a Secret")


def example(keys: Sequence[str], descriptions: Mapping[str, str]) -> str:
    """The file of variables, to be copied and filled in."""
    lines = [f"# Copy this to secrets.env, fill it in, and keep that file out of Git. {SCRIPT} reads it."]
    for key in keys:
        lines += [f"# {descriptions[key]} ({key})", f"{variable(key)}="]
    return "\n".join([*lines, ""])


def script(secrets: Iterable[Resource], keys: Sequence[str], namespaces: Sequence[str]) -> str:
    """The script that makes every Secret of a stack. ``namespaces`` are the files of those that they stand in."""
    names = {marker(key): variable(key) for key in keys}
    blocks = [_creation(one, names) for one in sorted(secrets, key=lambda one: (one.namespace, one.name))]
    return "\n".join(
        [
            _HEAD,
            *(f': "${{{name}:?is not set in $file}}"' for name in names.values()),
            "",
            *(f"kubectl apply --server-side --force-conflicts --filename={shlex.quote(file)}" for file in namespaces),
            "",
            *blocks,
        ]
    )


_HEAD = f"""\
#!/bin/sh
# Makes the stack's Secrets from a file of variables, and the namespaces that they stand in: sh {SCRIPT} secrets.env
# As often as you like: what is there is brought up to date. No value is ever an argument that other users could see.
set -eu
umask 077
file=$(realpath "${{1:?give it the file of variables, see {EXAMPLE}}}")
. "$file"
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

create() {{
  kubectl create secret generic "$2" --namespace="$1" --from-file="$work" --dry-run=client --output=yaml |
    kubectl apply --server-side --force-conflicts --filename=-
  rm -f "$work"/*
}}
"""


def _creation(secret: Resource, names: Mapping[str, str]) -> str:
    lines = [
        f"printf '%s' {_shell_text(text, names)} > \"$work\"/{shlex.quote(key)}" for key, text in _data(secret).items()
    ]
    return "\n".join([*lines, f"create {shlex.quote(secret.namespace)} {shlex.quote(secret.name)}", ""])


def _data(secret: Resource) -> dict[str, str]:
    """The Secret's content as text, by key."""
    inputs: Mapping[str, Any] = secret.inputs
    if inputs.get("type", "Opaque") != "Opaque":
        raise LabError(f"{secret.title} is of type {inputs['type']}, which {SCRIPT} cannot make")
    encoded = {key: b64decode(value).decode() for key, value in (inputs.get("data") or {}).items()}
    return dict(sorted({**encoded, **(inputs.get("stringData") or {})}.items()))


def _shell_text(text: str, names: Mapping[str, str]) -> str:
    """The text as a word of the shell, with a variable for each marker."""
    parts = re.split(f"({'|'.join(map(re.escape, names))})", text) if names else [text]
    return "".join(f'"${names[part]}"' if part in names else shlex.quote(part) for part in parts if part) or "''"
