"""Resources as the rules see them: plain data, whatever of it Pulumi does not know yet, and what of it is secret."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

KUBERNETES = "kubernetes:"


class Unknown:
    """A value that is known only once the update has made something.

    It has no parts, equals nothing and is neither above nor below anything, so that a rule meets no error on it; and
    what a rule finds wrong with it is not reported (policies/judging.py).
    """

    def get(self, key: str, default: object = None) -> "Unknown":
        return self

    def __getitem__(self, key: object) -> "Unknown":
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __contains__(self, item: object) -> bool:
        return False

    def __bool__(self) -> bool:
        return False

    def __lt__(self, other: object) -> bool:
        return False

    __gt__ = __le__ = __ge__ = __lt__

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


Decoded = tuple[Mapping[str, Any], frozenset[str]]
"""Properties, and the paths of those that are kept encrypted, like ``data.password``."""


class Properties(Mapping[str, Any]):
    """A resource's properties as plain data, decoded when somebody first looks at them."""

    def __init__(self, decode: Callable[[], Decoded]) -> None:
        self._decode = decode

    @cached_property
    def _decoded(self) -> Decoded:
        return self._decode()

    @property
    def secrets(self) -> frozenset[str]:
        return self._decoded[1]

    def copy(self) -> dict[str, Any]:
        """pulumi-policy makes one of a rule's settings, which come the same way."""
        return dict(self)

    def __getitem__(self, key: str) -> Any:
        return self._decoded[0][key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded[0])

    def __len__(self) -> int:
        return len(self._decoded[0])


@dataclass(frozen=True, eq=False)
class Resource:
    """One resource of the stack. ``properties`` are its inputs, or its outputs to a rule on the whole stack."""

    type: str
    """Pulumi's type token, like ``kubernetes:apps/v1:Deployment``."""
    name: str
    urn: str
    properties: Properties
    protected: bool = False

    @cached_property
    def kind(self) -> str:
        """``Deployment`` for a Kubernetes object, ``aws:ec2:LaunchTemplate`` for a resource of AWS."""
        package, module, kind = (*self.type.split(":"), "", "")[:3]
        return kind if package == "kubernetes" else ":".join((package, module.partition("/")[0], kind))

    @property
    def group(self) -> str:
        """A Kubernetes object's group and version, like ``apps/v1``."""
        return self.type.split(":")[1] if self.type.startswith(KUBERNETES) else ""

    @property
    def object_name(self) -> str:
        """A Kubernetes object's own name, or the logical one of what has none."""
        return str(self.get("metadata.name") or self.name)

    @property
    def namespace(self) -> str:
        return str(self.get("metadata.namespace") or "")

    @property
    def labels(self) -> Mapping[str, str]:
        return mapping(self.get("metadata.labels"))

    @property
    def title(self) -> str:
        """For messages: kind, namespace and name."""
        return f"{self.kind} {'/'.join(part for part in (self.namespace, self.object_name) if part)}"

    def get(self, path: str, default: Any = None) -> Any:
        """The property at a path like ``spec.template.spec``; ``default`` if there is none."""
        return at(self.properties, path, default)

    def knows(self, path: str) -> bool:
        """Whether nothing on the way to a property like ``spec.containers[0].image`` is unknown."""
        value: Any = self.properties
        for key, index in re.findall(r"([^.\[]+)|\[(\d+)\]", path):
            if index:
                value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
            else:
                value = value.get(key) if isinstance(value, Mapping) else None
            if value is UNKNOWN:
                return False
        return True

    def is_secret(self, path: str) -> bool:
        """Whether the property, or something that it is a part of or that is a part of it, is kept encrypted."""
        return any(inside(path, secret) or inside(secret, path) for secret in self.properties.secrets)


def inside(path: str, whole: str) -> bool:
    return path == whole or path.startswith((f"{whole}.", f"{whole}[")) or whole == ""


def at(value: Any, path: str, default: Any = None) -> Any:
    """The part of nested mappings at a path; ``UNKNOWN`` when a part on the way is unknown."""
    for key in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(key) if isinstance(value, Mapping) else None
    return default if value is None else value


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def sequence(value: Any) -> list[Any]:
    """The items of a list; none for what is missing or unknown."""
    return list(value) if isinstance(value, list | tuple) else []


def items(resource: Resource, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The parts of a list of mappings, each with its own path."""
    for index, item in enumerate(sequence(resource.get(path))):
        yield f"{path}[{index}]", mapping(item)


def has_unknown(value: Any) -> bool:
    """Whether the value, or some part of it, is unknown."""
    if isinstance(value, Mapping):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_unknown, value))
    return value is UNKNOWN


@dataclass(frozen=True)
class Stack:
    """All resources of a stack."""

    resources: tuple[Resource, ...]

    def of(self, *kinds: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.kind in kinds]

    def find(self, kind: str, **properties: object) -> list[Resource]:
        """Those of a kind with these fields in ``spec``."""
        wanted = properties.items()
        return [one for one in self.of(kind) if all(one.get(f"spec.{key}") == value for key, value in wanted)]
