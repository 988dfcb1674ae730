"""Carry out what the engine has decided: create, read, update and delete one resource, and wait for the result."""

from dataclasses import dataclass
from typing import Any

from lab.pulumi.kubernetes import applying, checkpoint, wait_for
from lab.pulumi.kubernetes.applying import OperationError
from lab.pulumi.kubernetes.checkpoint import Checkpoint, from_program
from lab.pulumi.kubernetes.client import ApiError, Unreachable
from lab.pulumi.kubernetes.cluster import Cluster
from lab.pulumi.kubernetes.engine_log import WARNING
from lab.pulumi.kubernetes.field_managers import CREATOR, created_by_us, manager_name
from lab.pulumi.kubernetes.objects import (
    ANNOTATION_SKIP_AWAIT,
    ANNOTATION_WAIT_FOR,
    Object,
    annotation,
    identifier,
    is_annotated,
    is_patch,
    kind_of,
    kind_of_token,
    label,
    name_of,
    namespace_of,
    split_identifier,
    text,
)
from lab.pulumi.kubernetes.planning import identity, is_previewable
from lab.pulumi.kubernetes.provider import Provider
from lab.pulumi.kubernetes.readiness import look_for, refresh_look_for
from lab.pulumi.kubernetes.reasons import Reasons
from lab.pulumi.kubernetes.secrecy import marked
from lab.pulumi.kubernetes.shapes import normalized, pruned, without_read_only_metadata
from lab.pulumi.kubernetes.waiting import READY, Look, NotReady, Wait

NOT_AWAITED_IF_SKIPPED = frozenset(
    {"DaemonSet", "Deployment", "Job", "Namespace", "Pod", "ReplicationController", "StatefulSet"}
)
"""Kinds whose deletion is not waited for under ``skipAwait``."""

REMOVE_BY_FLAG = (
    "If the cluster is gone for good, PULUMI_K8S_DELETE_UNREACHABLE=true makes Pulumi forget its resources."
)


@dataclass(frozen=True)
class Made:
    """A resource after an operation: its id ("" in a preview), the state to store, and after a read its inputs."""

    id: str
    state: Object
    inputs: Object | None = None


class InitFailed(Exception):
    """The object exists and must be remembered, but is not ready: the next update waits for it again."""

    def __init__(self, message: str, made: Made, reasons: list[str]) -> None:
        super().__init__(message)
        self.made = made
        self.reasons = reasons


def create(provider: Provider, urn: str, token: str, news: Object, *, seconds: float, preview: bool) -> Made | None:
    """Create and await. None in a preview that can tell no more than the inputs do."""
    inputs = from_program(news)
    patch = is_patch(token, inputs)
    manager = manager_name(inputs)
    if preview:
        return _preview_create(provider, news, inputs, manager) if not patch else None
    cluster = provider.reachable()
    wait = provider.wait(cluster, urn, seconds, inputs)
    settings = provider.settings
    live = applying.create(
        cluster, inputs, wait, manager=manager, upsert=patch or settings.upsert_existing, force=settings.patch_force
    )
    made = _awaited(wait, news, Checkpoint(inputs, live, text(inputs, "apiVersion"), manager))
    if kind_of(inputs).name == "CustomResourceDefinition":
        cluster.discovery.refresh()
    return made


def _preview_create(provider: Provider, news: Object, inputs: Object, manager: str) -> Made | None:
    if not is_previewable(provider, inputs):
        return None
    try:
        live = provider.reachable().create(inputs, CREATOR, dry_run=True)
    except ApiError as error:
        if error.not_found or error.forbidden or error.already_exists:
            return None
        raise OperationError(f"{label(inputs)} would not be created: {error}") from error
    live.pop("status", None)
    return Made("", checkpoint.build(Checkpoint(inputs, live, text(inputs, "apiVersion"), manager), news))


def update(
    provider: Provider,
    urn: str,
    state: Object,
    news: Object,
    *,
    ignored: list[str],
    seconds: float,
    preview: bool,
) -> Made | None:
    """Update and await. None in a preview that can tell no more than the inputs do."""
    inputs = normalized(from_program(news))
    if preview and not is_previewable(provider, inputs):
        return None
    cluster = provider.reachable()
    before = checkpoint.parse(state)
    manager = manager_name(inputs, before.field_manager)
    try:
        current = cluster.get(identity(inputs, namespace_of(before.live), name_of(before.live)))
        if preview and created_by_us(current):
            return None
        force = provider.settings.patch_force
        live = applying.update(cluster, inputs, current, manager=manager, force=force, ignored=ignored, dry_run=preview)
    except ApiError as error:
        if preview and error.forbidden:
            return None
        hint = " It is gone from the cluster: run pulumi refresh." if error.not_found else ""
        raise OperationError(f"{label(inputs)} was not updated: {error}{hint}") from error
    after = Checkpoint(inputs, live, before.initial_api_version, manager)
    if preview:
        return Made("", checkpoint.build(after, news))
    made = _awaited(provider.wait(cluster, urn, seconds, inputs), news, after)
    if before.field_manager not in ("", manager):
        applying.relinquish(cluster, live, before.field_manager)
    return made


def read(provider: Provider, urn: str, token: str, id: str, state: Object, inputs: Object) -> Made | None:
    """The resource as it lives; None when it is gone. Raises InitFailed for a workload that is not ready."""
    if provider.cluster is None:
        return _read_unreachable(provider, urn, Made(id, state, inputs))
    before = checkpoint.parse(state)
    known = normalized(from_program(inputs))
    namespace, name = split_identifier(id)
    imported = not known.get("kind") and not before.live.get("kind")
    if not known.get("kind"):
        kind = kind_of(before.live) if before.live.get("kind") else kind_of_token(token)
        known |= identity({"apiVersion": kind.api_version, "kind": kind.name}, namespace, name)
    live = provider.cluster.find(identity(known, namespace, name))
    if live is None:
        return None
    live_inputs = _inputs_of_imported(live) if imported else pruned(live, known)
    manager = manager_name(known, before.field_manager)
    after = Checkpoint(live_inputs, live, before.initial_api_version or text(known, "apiVersion"), manager)
    made = Made(id, checkpoint.build(after, inputs), marked(live_inputs, inputs))
    look = None if imported or is_annotated(known, ANNOTATION_SKIP_AWAIT) else refresh_look_for(live, provider.cluster)
    seen = look(live) if look else READY
    if not seen.ready:
        message = f"{label(live)} is not ready: {seen.message}"
        raise InitFailed(message, made, [message, *Reasons(provider.cluster, logs=True).of(live)])
    return made


def _read_unreachable(provider: Provider, urn: str, stored: Made) -> Made | None:
    if provider.settings.skip_update_unreachable and not provider.settings.delete_unreachable:
        provider.log.write(urn, f"what is shown was seen earlier: {provider.why_unreachable}", WARNING)
        return stored
    _forget(provider, urn)
    return None


def _forget(provider: Provider, urn: str) -> None:
    """Let a resource of an unreachable cluster go. Raises OperationError unless the provider may do so."""
    if not provider.settings.delete_unreachable:
        raise OperationError(f"{provider.why_unreachable}. {REMOVE_BY_FLAG}")
    provider.log.write(
        urn, f"the resource is forgotten, as deleteUnreachable says: {provider.why_unreachable}", WARNING
    )


def _inputs_of_imported(live: Object) -> Object:
    """What a program would have to say to get this object."""
    inputs = without_read_only_metadata({key: value for key, value in live.items() if key != "status"})
    annotations: dict[str, Any] = inputs["metadata"].get("annotations") or {}
    left = {
        key: value
        for key, value in annotations.items()
        if key not in ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration")
    }
    metadata = {key: value for key, value in inputs["metadata"].items() if key != "annotations"}
    return inputs | {"metadata": metadata | ({"annotations": left} if left else {})}


def delete(provider: Provider, urn: str, token: str, id: str, state: Object, *, seconds: float) -> None:
    """Delete and wait until it is gone."""
    before = checkpoint.parse(state)
    if provider.cluster is None:
        _forget(provider, urn)
        return
    cluster = provider.cluster
    namespace, name = split_identifier(id)
    obj = identity(before.live, namespace, name)
    if is_patch(token, obj):
        applying.relinquish(cluster, obj, before.field_manager)
        return
    if not applying.delete(cluster, obj, before.inputs):
        return
    skipped = is_annotated(before.inputs, ANNOTATION_SKIP_AWAIT) and kind_of(obj).name in NOT_AWAITED_IF_SKIPPED
    if not skipped:
        wait = provider.wait(cluster, urn, seconds, before.inputs)
        wait.until_gone(obj, text(before.live, "metadata", "uid"))


def _awaited(wait: Wait, news: Object, after: Checkpoint) -> Made:
    """The resource once it is ready. Raises InitFailed with its state if it does not become so."""
    live = after.live
    try:
        look = _look(after.inputs, live, wait.cluster)
        if look:
            live = wait.until_ready(live, look, Reasons(wait.cluster).of, Reasons(wait.cluster, logs=True).of)
    except NotReady as error:
        raise InitFailed(str(error), _made(news, after, error.obj), error.reasons) from error
    except (ApiError, Unreachable, wait_for.WaitForError) as error:
        raise InitFailed(str(error), _made(news, after, live), [str(error)]) from error
    return _made(news, after, live)


def _made(news: Object, after: Checkpoint, live: Object) -> Made:
    seen = Checkpoint(after.inputs, live, after.initial_api_version, after.field_manager)
    return Made(identifier(live), checkpoint.build(seen, news))


def _look(inputs: Object, live: Object, cluster: Cluster) -> Look | None:
    if is_annotated(inputs, ANNOTATION_SKIP_AWAIT):
        return None
    wanted = annotation(live, ANNOTATION_WAIT_FOR)
    return wait_for.parse(wanted) if wanted else look_for(live, cluster)
