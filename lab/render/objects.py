"""Planned resources as the objects that are written: without what is Pulumi's, with what Argo CD asks for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.errors import LabError
from lab.render.plan import UNKNOWN, Path, Resource, unknowns

PULUMI = "pulumi.com/"
"""Begins the annotations by which Pulumi is told what to await."""
WAVE = "argocd.argoproj.io/sync-wave"
OPTIONS = "argocd.argoproj.io/sync-options"
KEPT = "Prune=false,Delete=false"
"""Of what Pulumi protects."""

CHOICES = {"aws:elasticache/": "elasticacheNodeType", "aws:rds/": "rdsInstanceClass"}
"""The setting that asks for a resource whose name only AWS knows, by the beginning of the resource's type."""


def rendered(resource: Resource, wave: int) -> dict[str, Any]:
    """The object. Call ``check_known`` before."""
    content = _without_unknown_annotations(resource.inputs)
    metadata = content["metadata"]
    kept = {key: value for key, value in metadata.get("annotations", {}).items() if not key.startswith(PULUMI)}
    options = {OPTIONS: KEPT} if resource.protected else {}
    return {**content, "metadata": {**metadata, "annotations": {**kept, WAVE: str(wave), **options}}}


def check_known(resources: Iterable[Resource]) -> None:
    """Raises ``LabError`` that names each value which only an update can know, and the setting it comes from.

    Annotations are no such value: they are there to replace pods when something else was replaced, and are left out.
    """
    resources = list(resources)
    types = {resource.urn: resource.type for resource in resources}
    missing = [
        f"{_field(resource.inputs, path)} of {resource.title} ({_origin(resource, path, types)})"
        for resource in resources
        if resource.is_rendered
        for path in unknowns(resource.inputs)
        if "annotations" not in path
    ]
    if missing:
        raise LabError(
            "some values are known only after `pulumi up` has made what they belong to, and cannot be rendered:\n"
            + "\n".join(f"    {line}" for line in missing)
        )


def _origin(resource: Resource, path: Path, types: Mapping[str, str]) -> str:
    urns = sorted(resource.needs_of_properties.get(str(path[0]), resource.needs))
    for urn in urns:
        for beginning, key in CHOICES.items():
            if types.get(urn, "").startswith(beginning):
                return f"from {urn.rpartition('::')[2]}, which the setting {key} asks for: unset it"
    return "from an object that does not exist yet"


def _field(inputs: Mapping[str, Any], path: Path) -> str:
    """The name of an environment variable, or the path."""
    holder: Any = inputs
    for step in path[:-1]:
        holder = holder[step]
    if path[-1] == "value" and isinstance(holder, Mapping) and "name" in holder:
        return str(holder["name"])
    return ".".join(str(step) for step in path)


def _without_unknown_annotations(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without_unknown_annotations(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    result = {}
    for key, item in value.items():
        if key == "annotations" and isinstance(item, Mapping):
            known = {name: text for name, text in item.items() if UNKNOWN not in str(text)}
            if known or not item:
                result[key] = known
        else:
            result[key] = _without_unknown_annotations(item)
    return result
