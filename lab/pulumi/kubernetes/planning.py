"""Before anything happens: complete a program's inputs (check), and find what they would change (diff)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lab.pulumi.kubernetes import checkpoint, names
from lab.pulumi.kubernetes.checkpoint import Checkpoint, from_program
from lab.pulumi.kubernetes.client import ApiError, Unreachable
from lab.pulumi.kubernetes.differences import Change, Difference, differences, without_ignored, without_mere_spelling
from lab.pulumi.kubernetes.discovery import KindMissing, is_namespaced
from lab.pulumi.kubernetes.kubeconfig import DEFAULT_NAMESPACE
from lab.pulumi.kubernetes.objects import (
    ANNOTATION_REPLACE_UNREADY,
    Object,
    dig,
    is_annotated,
    is_patch,
    kind_of,
    name_of,
    namespace_of,
    text,
)
from lab.pulumi.kubernetes.provider import Provider
from lab.pulumi.kubernetes.readiness import job
from lab.pulumi.kubernetes.replacements import IDENTITY, fixed_paths, replaces
from lab.pulumi.kubernetes.secrecy import marked
from lab.pulumi.kubernetes.shapes import normalized, pruned
from lab.pulumi.kubernetes.values import has_unknown


class InputError(ValueError):
    """The program's inputs cannot become an object."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Plan:
    """What a diff found. ``replacing`` are those differences that only a new object can have."""

    found: list[Difference] = field(default_factory=list)
    replacing: list[Difference] = field(default_factory=list)
    delete_first: bool = False


def check(
    provider: Provider, token: str, name: str, olds: Object, news: Object, seed: bytes = b"", autonaming: Any = None
) -> Object:
    """The inputs with a name and a namespace, and with a Secret's data marked secret. Raises InputError."""
    inputs = from_program(news)
    for required in ("apiVersion", "kind"):
        if not inputs.get(required):
            raise InputError(f"{required} is required", required)
    if text(inputs, "kind").endswith("List") and "items" in inputs:
        raise InputError("a List is no object of its own: register the objects in it", "kind")
    if is_patch(token, inputs) and not names.is_named(inputs):
        raise InputError("a patch needs the name of the object that it is for", "metadata.name")
    try:
        inputs = names.ensure_name(inputs, from_program(olds), name, seed, autonaming)
    except names.NameMissing as error:
        raise InputError(str(error), "metadata.name") from error
    return marked(_in_namespace(provider, inputs, provider.namespace), news)


def diff(provider: Provider, token: str, state: Object, news: Object, ignored: Iterable[str] = ()) -> Plan:
    """What the new inputs change, compared with the live object as the state has it."""
    before, inputs = checkpoint.parse(state), normalized(from_program(news))
    old = _comparable(provider, before, inputs)
    inputs = _in_namespace(provider, inputs, DEFAULT_NAMESPACE)
    found = without_ignored(differences(old, inputs), ignored)
    if found:
        found = _without_mere_spelling(provider, before, inputs, found)
    settings = provider.settings
    fixed = fixed_paths(
        inputs if not is_patch(token, inputs) else {},
        mutable_config_maps=settings.mutable_config_maps,
        mutable_secrets=settings.mutable_secrets,
    )
    replacing = [item for item in found if replaces(item, fixed)]
    if is_annotated(inputs, ANNOTATION_REPLACE_UNREADY) and _is_unready_job(provider, before.live):
        unready = Difference(("metadata", "annotations", ANNOTATION_REPLACE_UNREADY), Change.UPDATE)
        found, replacing = [*found, unready], [*replacing, unready]
    same_place = name_of(inputs) == name_of(before.live) and namespace_of(inputs) == namespace_of(before.live)
    return Plan(found, replacing, bool(replacing) and same_place and not names.is_autonamed(inputs))


def _comparable(provider: Provider, before: Checkpoint, inputs: Object) -> Object:
    """The live object as the state has it, in the shape of the inputs that it was made from."""
    old = {"apiVersion": inputs["apiVersion"], "kind": inputs["kind"]} | pruned(before.live, normalized(before.inputs))
    old = _in_namespace(provider, old, DEFAULT_NAMESPACE)
    if name_of(inputs):
        old["metadata"] = (old.get("metadata") or {}) | {"name": name_of(before.live)}
    return old


def _in_namespace(provider: Provider, obj: Object, default: str) -> Object:
    """The object with its namespace spelled out, or without one where its kind has none."""
    metadata = obj.get("metadata", {})
    if not isinstance(metadata, dict):
        return obj
    if is_namespaced(kind_of(obj), provider.discovery):
        return obj | {"metadata": metadata | {"namespace": metadata.get("namespace") or default}}
    return obj | {"metadata": {key: value for key, value in metadata.items() if key != "namespace"}}


def _without_mere_spelling(
    provider: Provider, before: Checkpoint, inputs: Object, found: list[Difference]
) -> list[Difference]:
    """Ask the API server what it makes of the inputs, by a dry run, and drop what it takes for the same.

    Custom resources are kept as they are written: nothing is to be found out about them.
    """
    moved = any(item.path == tuple(path.split(".")) for item in found for path in IDENTITY)
    if provider.cluster is None or moved or has_unknown(inputs) or not kind_of(inputs).built_in:
        return found
    try:
        applied = provider.cluster.apply(inputs, before.field_manager, force=True, dry_run=True)
    except (ApiError, KindMissing, Unreachable):
        return found
    return without_mere_spelling(found, applied)


def _is_unready_job(provider: Provider, live: Object) -> bool:
    if provider.cluster is None or kind_of(live).name != "Job":
        return False
    current = provider.cluster.find(live)
    return current is not None and not job(current).ready


def is_previewable(provider: Provider, inputs: Object) -> bool:
    """Whether the API server can tell what would come of the inputs: all of them are known, and so is their kind."""
    return provider.cluster is not None and not has_unknown(inputs) and provider.cluster.serves(kind_of(inputs))


def identity(inputs: Object, namespace: str, name: str) -> Object:
    """An object with no more than what it takes to find it."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": dig(inputs, "apiVersion"), "kind": dig(inputs, "kind"), "metadata": metadata}
