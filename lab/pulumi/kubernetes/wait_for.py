"""The annotation ``pulumi.com/waitFor``: what a program itself wants an object to become.

condition=Ready    condition=Ready=False    jsonpath={.status.phase}=Running    ["condition=Ready", "jsonpath={…}"]
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from lab.pulumi.kubernetes import jsonpath
from lab.pulumi.kubernetes.objects import Object, dig, items, text
from lab.pulumi.kubernetes.waiting import READY, Look, Seen


class WaitForError(ValueError):
    """The annotation cannot be read."""


@dataclass(frozen=True)
class ConditionIs:
    """``status.conditions`` has this type with this status, and the controller has seen the newest generation."""

    type: str
    status: str

    def __call__(self, obj: Object) -> Seen:
        for entry in items(obj, "status", "conditions"):
            if text(entry, "type").lower() == self.type.lower():
                return self._compare(obj, entry)
        return Seen(message=f"Waiting for condition {self.type}, which is not there yet")

    def _compare(self, obj: Object, entry: Object) -> Seen:
        observed = dig(entry, "observedGeneration") or dig(obj, "status", "observedGeneration")
        if _is_stale(obj, observed):
            return Seen(message=f"Waiting for condition {self.type} of generation {obj['metadata']['generation']}")
        if text(entry, "status").lower() == self.status.lower():
            return READY
        why = ": ".join(filter(None, (text(entry, "reason"), text(entry, "message"))))
        found = f"Waiting for condition {self.type}={self.status}, it is {text(entry, 'status')}"
        return Seen(message=f"{found} ({why})" if why else found)


@dataclass(frozen=True)
class PathIs:
    """The first value that a JSONPath selects is the wanted one, or just exists if ``wanted`` is empty."""

    path: jsonpath.Path
    written: str
    wanted: str

    def __call__(self, obj: Object) -> Seen:
        goal = f"{self.written}={self.wanted}" if self.wanted else self.written
        if _is_stale(obj, dig(obj, "status", "observedGeneration")):
            return Seen(message=f"Waiting for {goal} of generation {obj['metadata']['generation']}")
        found = self.path.select(obj)
        if not found:
            return Seen(message=f"Waiting for {goal}, it selects nothing yet")
        if not self.wanted:
            return READY
        if isinstance(found[0], dict | list):
            return Seen(message=f"{self.written} is not a single value", failed=True)
        value = _printed(found[0])
        return READY if value == self.wanted else Seen(message=f"Waiting for {goal}, it is {value!r}")


@dataclass(frozen=True)
class All:
    """Every one of several looks finds the object ready."""

    looks: tuple[Look, ...]

    def __call__(self, obj: Object) -> Seen:
        return next((seen for seen in (look(obj) for look in self.looks) if not seen.ready), READY)


def parse(annotation: str) -> Look:
    """What an annotation asks for. Raises WaitForError."""
    try:
        values = json.loads(annotation)
    except ValueError:
        values = None
    if not isinstance(values, list):
        values = [annotation]
    if not values:
        raise WaitForError("pulumi.com/waitFor is an empty list")
    return All(tuple(_parse_one(str(value)) for value in values))


def _parse_one(value: str) -> Look:
    kind, _, rest = value.partition("=")
    if kind == "condition" and rest:
        name, _, status = rest.partition("=")
        return ConditionIs(name, status or "True")
    if kind != "jsonpath":
        raise WaitForError(f"pulumi.com/waitFor must start with condition= or jsonpath=, not {value!r}")
    match = re.fullmatch(r"\{\s*(?P<path>.*?)\s*\}(?:=(?P<wanted>.*))?", rest)
    if match is None or match["wanted"] == "":
        raise WaitForError(
            f"pulumi.com/waitFor must read jsonpath={{.path}} or jsonpath={{.path}}=value, not {value!r}"
        )
    try:
        return PathIs(jsonpath.parse(match["path"]), f"{{{match['path']}}}", match["wanted"] or "")
    except jsonpath.PathError as error:
        raise WaitForError(str(error)) from error


def _is_stale(obj: Object, observed: Any) -> bool:
    generation = dig(obj, "metadata", "generation")
    return isinstance(generation, int) and isinstance(observed, int) and observed < generation


def _printed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
