"""IAM policy documents, wherever a resource of AWS holds one: as text, or as the data that becomes it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.resources import Resource, items, mapping, sequence

DOCUMENTS = ("policy", "assumeRolePolicy")
WILDCARDS = "*?"


@dataclass(frozen=True)
class Statement:
    """``path`` is where it stands in its resource. A part of a text has a path as well, as if it were data."""

    path: str
    elements: Mapping[str, Any]
    """By their names in small letters: whatever way somebody writes them, none is overlooked."""

    @property
    def allows(self) -> bool:
        return bool(self.get("Effect") == "Allow")

    def get(self, element: str) -> Any:
        return self.elements.get(element.lower())

    def at(self, element: str) -> str:
        return f"{self.path}.{element}"


def statements(resource: Resource) -> Iterator[Statement]:
    """Of all documents of the resource; other policies, like ECR's on the age of images, have none."""
    for path, document in _documents(resource):
        content = _lowered(_decoded(document)).get("statement")
        if isinstance(content, Mapping):
            yield Statement(f"{path}.Statement", _lowered(content))
        for index, one in enumerate(sequence(content)):
            yield Statement(f"{path}.Statement[{index}]", _lowered(one))


def wildcards(value: Any) -> list[str]:
    """Texts with a wildcard in a single one, a list, or principals by their type."""
    if isinstance(value, str):
        return [value] if any(wildcard in value for wildcard in WILDCARDS) else []
    parts = value.values() if isinstance(value, Mapping) else sequence(value)
    return [text for part in parts for text in wildcards(part)]


def _documents(resource: Resource) -> Iterator[tuple[str, Any]]:
    for key in DOCUMENTS:
        yield key, resource.get(key)
    for path, inline in items(resource, "inlinePolicies"):
        yield f"{path}.policy", inline.get("policy")


def _decoded(document: Any) -> Any:
    if not isinstance(document, str):
        return document
    try:
        return json.loads(document)
    except json.JSONDecodeError:
        return None  # AWS takes no such document, so it allows nothing.


def _lowered(value: Any) -> dict[str, Any]:
    return {str(key).lower(): part for key, part in mapping(value).items()}
