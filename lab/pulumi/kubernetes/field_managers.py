"""Who manages which field: hand fields over to our manager, leave ignored fields to theirs.

An object is created with one manager for all (``pulumi-kubernetes``) by a plain POST, as the official provider does, so
that an object which exists already is never taken over in silence. Those fields are then moved to a manager of its own,
by which server-side apply knows later what to remove.
"""

import copy
from collections.abc import Iterable
from typing import Any

from lab.pulumi.kubernetes.differences import Path, parse_path
from lab.pulumi.kubernetes.names import unique_name
from lab.pulumi.kubernetes.objects import ANNOTATION_FIELD_MANAGER, Object, annotation, dig, items, text

CREATOR = "pulumi-kubernetes"
ADOPTED = frozenset(
    {
        ("kubectl", "Apply"),
        ("kubectl", "Update"),
        ("before-first-apply", "Update"),
        (CREATOR, "Update"),
        ("pulumi-resource-kubernetes", "Update"),
    }
)
"""Manager and operation of entries whose fields our manager takes over."""


def manager_name(inputs: Object, stored: str = "") -> str:
    """The manager of an object's fields: the annotation's, else the one in the state, else a new one."""
    return annotation(inputs, ANNOTATION_FIELD_MANAGER) or stored or unique_name(f"{CREATOR}-")


def created_by_us(live: Object) -> bool:
    """Whether fields are still held by the manager that creates objects."""
    return any(_holder(entry) == (CREATOR, "Update") for entry in _entries(live))


def handover(live: Object, manager: str) -> list[dict[str, Any]]:
    """The JSON patch that gives our manager the fields of the managers in ADOPTED; empty if there are none."""
    adopted = [entry for entry in _entries(live) if _holder(entry) in ADOPTED and "subresource" not in entry]
    if not adopted:
        return []
    ours = [entry for entry in _entries(live) if _holder(entry) == (manager, "Apply")]
    fields: dict[str, Any] = {}
    for entry in [*ours, *adopted]:
        fields = _union(fields, entry.get("fieldsV1") or {})
    merged = copy.copy((ours or adopted)[0]) | {"manager": manager, "operation": "Apply", "fieldsV1": fields}
    others = [entry for entry in _entries(live) if entry not in adopted and entry not in ours]
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [*others, merged]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": text(live, "metadata", "resourceVersion")},
    ]


def with_ignored_fields(inputs: Object, live: Object, manager: str, ignored: Iterable[str]) -> Object:
    """The inputs with each ignored path as it lives: left out where it is another manager's alone, else its value."""
    result = copy.deepcopy(inputs)
    for path in (parse_path(written) for written in ignored):
        holders = {text(entry, "manager") for entry in _entries(live) if _has(entry.get("fieldsV1") or {}, path)}
        value = dig(live, *path)
        if holders and manager not in holders:
            _set(result, path, None)
        elif value is not None:
            _set(result, path, value)
    return result


def _entries(live: Object) -> list[Object]:
    return items(live, "metadata", "managedFields")


def _holder(entry: Object) -> tuple[str, str]:
    return text(entry, "manager"), text(entry, "operation")


def _union(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    both = {key: _union(first[key], second[key]) for key in first if key in second}
    return first | second | both


def _has(fields: dict[str, Any], path: Path) -> bool:
    for step in path:
        found = fields.get(f"f:{step}")
        if found is None:
            return False
        fields = found
    return True


def _set(obj: Object, path: Path, value: Any) -> None:
    """Set what lies at a path, or remove it if the value is None. Does nothing where the path breaks off."""
    parent = dig(obj, *path[:-1])
    if not isinstance(parent, dict):
        return
    if value is None:
        parent.pop(path[-1], None)
    else:
        parent[path[-1]] = value
