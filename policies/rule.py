"""What a rule is: a function that yields what it finds, and beside it everything that people are told of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from policies.resources import Resource, Stack

Settings = Mapping[str, Any]
"""A rule's settings by name, defaults included."""


class Level(StrEnum):
    """What comes of a violation; the values are Pulumi's."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"
    DISABLED = "disabled"


@dataclass(frozen=True)
class Setting:
    """One setting of a rule, that a stack's file in this folder may choose otherwise. The default is the strict one."""

    default: Any
    description: str

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema; the engine refuses a value of another type."""
        kind: dict[str, Any] = {"default": self.default, "description": self.description}
        match self.default:
            case bool():
                return kind | {"type": "boolean"}
            case int():
                return kind | {"type": "integer"}
            case str():
                return kind | {"type": "string"}
            case list():
                return kind | {"type": "array", "items": {"type": "string"}}
            case dict():
                return kind | {"type": "object", "additionalProperties": {"type": "string"}}
        raise TypeError(f"no type of JSON Schema for {self.default!r}")


@dataclass(frozen=True)
class Violation:
    """One property that is not as it must be.

    ``found`` is shown as it is: never give it what may be confidential and is not marked as a secret.
    """

    resource: Resource
    property: str
    found: Any
    wanted: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """``name`` begins with a verb, in kebab-case. ``remedy`` ends every message: how to mend it."""

    name: str
    description: str
    remedy: str
    level: Level = Level.MANDATORY
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def chosen(self, given: Settings) -> Settings:
        """The defaults, and over them what the stack's file says."""
        return {name: given.get(name, setting.default) for name, setting in self.settings.items()}


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """Looks at one resource of ``kinds`` at a time, at its registration."""

    kinds: tuple[str, ...]
    """Patterns, like ``aws:iam:*``."""
    check: Callable[[Resource, Settings], Iterator[Violation]]

    def is_for(self, kind: str) -> bool:
        return any(fnmatchcase(kind, pattern) for pattern in self.kinds)


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """Looks at all resources together, once they are all registered."""

    check: Callable[[Stack, Settings], Iterator[Violation]]
