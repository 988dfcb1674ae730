"""What `pulumi preview --save-plan` says that an update would make."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.errors import LabError

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes a value that only the update itself will know."""

_SPECIAL, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""The engine's marks of a secret."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of the plan: a Kubernetes object, something of a cloud, or a component."""

    urn: str
    type: str
    parent: str
    """Its component's URN, or ""."""
    needs: frozenset[str]
    """URNs of what it depends on, by ``depends_on`` or by a property."""
    needs_of_properties: Mapping[str, frozenset[str]]
    """The same by property."""
    protected: bool
    inputs: Mapping[str, Any]

    @property
    def is_object(self) -> bool:
        """Whether it is an object of Kubernetes."""
        return self.type.startswith("kubernetes:")

    @property
    def is_secret(self) -> bool:
        return self.is_object and self.kind == "Secret"

    @property
    def is_rendered(self) -> bool:
        """Whether it becomes a file: no Secret does."""
        return self.is_object and not self.is_secret

    @property
    def kind(self) -> str:
        return str(self.inputs["kind"])

    @property
    def name(self) -> str:
        """As Kubernetes has it."""
        return str(self.inputs["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Empty for what stands in none."""
        return str(self.inputs["metadata"].get("namespace", ""))

    @property
    def title(self) -> str:
        """For people, like ``Deployment scan/scan-api``."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def parsed(text: str) -> list[Resource]:
    """The resources of a plan. Raises ``LabError`` when this is none."""
    try:
        plans = json.loads(text)["resourcePlans"]
    except (ValueError, KeyError):
        raise LabError(f"Pulumi saved no plan: {text[:200]!r}") from None
    return [_resource(urn, plan["goal"]) for urn, plan in plans.items() if plan.get("goal")]


def errors(output: str) -> str:
    """What a failed preview says about why; "" when it says nothing that can be read."""
    try:
        diagnostics = json.loads(output).get("diagnostics", [])
    except ValueError:
        return ""
    return "\n".join(
        one["message"].strip().removeprefix("error: ") for one in diagnostics if one.get("severity") == "error"
    )


def unknowns(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where in an object's inputs a value is not known yet, be it the whole of a text or a part of it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from unknowns(item, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from unknowns(item, (*path, position))
    elif isinstance(value, str) and UNKNOWN in value:
        yield path


def _resource(urn: str, goal: Mapping[str, Any]) -> Resource:
    by_property = {key: frozenset(urns or ()) for key, urns in (goal.get("propertyDependencies") or {}).items()}
    return Resource(
        urn=urn,
        type=goal["type"],
        parent=goal.get("parent", ""),
        needs=frozenset(goal.get("dependencies") or ()).union(*by_property.values()),
        needs_of_properties=by_property,
        protected=bool(goal.get("protect")),
        # Planned from nothing, everything is added.
        inputs=_in_plain((goal.get("inputDiff") or {}).get("adds") or {}),
    )


def _in_plain(value: Any) -> Any:
    """The value with its secrets, without the engine's wrapping of them."""
    if isinstance(value, list):
        return [_in_plain(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if value.get(_SPECIAL) == _SECRET:
        return _in_plain(json.loads(value["plaintext"]))
    return {key: _in_plain(item) for key, item in value.items()}
