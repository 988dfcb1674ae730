"""Create, update and delete objects on the API server, as the official provider does it in server-side apply mode."""

import time

from lab.pulumi.kubernetes.client import ApiError, Unreachable, message_of_cause
from lab.pulumi.kubernetes.cluster import Cluster
from lab.pulumi.kubernetes.discovery import KindMissing
from lab.pulumi.kubernetes.field_managers import CREATOR, handover, with_ignored_fields
from lab.pulumi.kubernetes.objects import (
    ANNOTATION_DELETION_PROPAGATION,
    ANNOTATION_PATCH_FORCE,
    Object,
    annotation,
    dig,
    is_annotated,
    kind_of,
    label,
    name_of,
    namespace_of,
    text,
)
from lab.pulumi.kubernetes.waiting import Wait

ARRIVAL_SECONDS = 30.0
ARRIVAL_PAUSE_SECONDS = 0.5
PROPAGATION = {"orphan": "Orphan", "background": "Background"}


class OperationError(Exception):
    """Nothing was changed. The message is for the user."""


def create(cluster: Cluster, inputs: Object, wait: Wait, *, manager: str, upsert: bool, force: bool) -> Object:
    """Create an object, or with ``upsert`` apply it to one that may exist.

    A namespace or a kind that is not there yet may be on its way: both are waited for, a while.
    """
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while True:
        try:
            if upsert:
                return cluster.apply(inputs, manager, force=force or is_annotated(inputs, ANNOTATION_PATCH_FORCE))
            return _own_fields(cluster, cluster.create(inputs, CREATOR), manager)
        except (ApiError, KindMissing) as error:
            if isinstance(error, ApiError) and not error.not_found:
                raise OperationError(_creation_message(inputs, manager, error)) from error
            wait.progress.say(f"Trying again: {error}")
            if time.monotonic() > deadline or wait.cancelled.wait(ARRIVAL_PAUSE_SECONDS):
                raise OperationError(f"{label(inputs)} was not created: {error}") from error


def _own_fields(cluster: Cluster, made: Object, manager: str) -> Object:
    """Give a new object's fields to its own manager now: until then a dry run of an update can remove none of them."""
    patch = handover(made, manager)
    try:
        return cluster.patch(made, patch) if patch else made
    except (ApiError, Unreachable):
        return made  # someone was faster; the first update does it


def update(
    cluster: Cluster, inputs: Object, live: Object, *, manager: str, force: bool, ignored: list[str], dry_run: bool
) -> Object:
    """Make the living object follow the inputs. Paths in ``ignored`` stay as they live."""
    try:
        if kind_of(inputs).name == "CustomResourceDefinition":
            version = {"resourceVersion": text(live, "metadata", "resourceVersion")}
            return cluster.replace(inputs | {"metadata": inputs["metadata"] | version}, manager, dry_run=dry_run)
        if not dry_run and (patch := handover(live, manager)):
            live = cluster.patch(live, patch)
        wanted = with_ignored_fields(inputs, live, manager, ignored) if ignored else inputs
        forced = force or is_annotated(inputs, ANNOTATION_PATCH_FORCE)
        return cluster.apply(wanted, manager, force=forced, dry_run=dry_run)
    except ApiError as error:
        raise OperationError(_update_message(inputs, manager, error)) from error


def relinquish(cluster: Cluster, obj: Object, manager: str) -> None:
    """Give up every field that the manager holds; what no one else holds goes."""
    bare = {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {"name": name_of(obj)} | ({"namespace": namespace_of(obj)} if namespace_of(obj) else {}),
    }
    cluster.apply(bare, manager)


def delete(cluster: Cluster, obj: Object, inputs: Object) -> bool:
    """Ask for the object's deletion. False if it is gone already."""
    policy = annotation(inputs, ANNOTATION_DELETION_PROPAGATION).lower()
    try:
        cluster.delete(obj, PROPAGATION.get(policy, "Foreground"))
    except KindMissing:
        return False
    except ApiError as error:
        if error.not_found:
            return False
        raise OperationError(f"{label(obj)} cannot be deleted: {error}") from error
    return True


def _creation_message(inputs: Object, manager: str, error: ApiError) -> str:
    if error.already_exists:
        return (
            f"{label(inputs)} exists already, and this resource did not create it. Import it (pulumi import), give it "
            f"another name, give a renamed resource an alias, or let the provider take over what exists "
            f"(upsertExistingObjects). {error}"
        )
    return f"{label(inputs)} was not created: {_with_conflicts(manager, error)}"


def _update_message(inputs: Object, manager: str, error: ApiError) -> str:
    if error.not_found:
        return f"{label(inputs)} is gone from the cluster: run pulumi refresh. {error}"
    return f"{label(inputs)} was not updated: {_with_conflicts(manager, error)}"


def _with_conflicts(manager: str, error: ApiError) -> str:
    conflicts = [cause for cause in error.causes if dig(cause, "reason") == "FieldManagerConflict"]
    if not conflicts:
        return str(error)
    fields = "".join(f"\n  - {message_of_cause(cause)}" for cause in conflicts)
    return (
        f"other managers hold fields that the program sets (ours is {manager}):{fields}\n"
        f"Leave the field out of the program, name it in ignore_changes, or take it over with the annotation "
        f'{ANNOTATION_PATCH_FORCE}: "true".'
    )
