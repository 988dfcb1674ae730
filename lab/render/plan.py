"""What `pulumi preview --json` says that an update would make."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.errors import LabError

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes a value that only the update itself will know."""

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


def parsed(output: str) -> list[Resource]:
    """The plan's resources. Raises ``LabError`` when this is no plan."""
    try:
        plan = json.loads(output)
    except ValueError:
        raise LabError(f"Pulumi printed no plan: {output[:200]!r}") from None
    return [_resource(step["newState"]) for step in plan.get("steps", []) if step.get("newState")]


def errors(output: str) -> str:
    """What a failed preview says about why; "" when it says nothing that can be read."""
    try:
        diagnostics = json.loads(output).get("diagnostics", [])
    except ValueError:
        return ""
    return "\n".join(one["message"].strip() for one in diagnostics if one.get("severity") == "error")


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


def _resource(state: Mapping[str, Any]) -> Resource:
    by_property = {key: frozenset(urns or ()) for key, urns in (state.get("propertyDependencies") or {}).items()}
    return Resource(
        urn=state["urn"],
        type=state["type"],
        parent=state.get("parent", ""),
        needs=frozenset(state.get("dependencies") or ()).union(*by_property.values()),
        needs_of_properties=by_property,
        protected=bool(state.get("protect")),
        inputs=state.get("inputs") or {},
    )
