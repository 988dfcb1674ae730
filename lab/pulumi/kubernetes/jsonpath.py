"""The part of JSONPath (RFC 9535) that ``pulumi.com/waitFor`` expressions use: steps, indexes, ``*`` and filters.

.status.phase    .status['phase']    .conditions[0].status    .conditions[?(@.type=='Ready' || @.type=='Done')].status
"""

import re
from dataclasses import dataclass
from typing import Any

_STEP = re.compile(
    r"""
      \.(?P<name>[\w-]+) | \.?(?P<wildcard>\*) | \[(?P<index>-?\d+)\] | \[\*\]
    | \[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\] | \[\?(?P<filter>(?:'[^']*'|"[^"]*"|\[[^\]]*\]|[^\]])*)\]
    """,
    re.VERBOSE,
)
_COMPARISON = re.compile(r"""^(?P<path>@\S*?)\s*(?:(?P<operator>==|!=)\s*(?P<value>'[^']*'|"[^"]*"|[\w.+-]+))?$""")
_LITERALS: dict[str, Any] = {"true": True, "false": False, "null": None}
_ABSENT = object()


class PathError(ValueError):
    """The expression is wrong, or uses what is not understood here."""


@dataclass(frozen=True)
class Comparison:
    """One condition of a filter on an entry: that a path exists, or that its value is (or is not) the given one."""

    path: "Path"
    operator: str
    value: Any

    def holds(self, entry: Any) -> bool:
        found = self.path.select(entry)
        if not self.operator:
            return bool(found)
        equal = (found[0] if found else _ABSENT) == self.value
        return equal if self.operator == "==" else not equal


@dataclass(frozen=True)
class Filter:
    """Alternatives, each of which is a list of conditions that must all hold."""

    alternatives: tuple[tuple[Comparison, ...], ...]

    def holds(self, entry: Any) -> bool:
        return any(all(comparison.holds(entry) for comparison in group) for group in self.alternatives)


class _Wildcard:
    pass


_EVERY = _Wildcard()


@dataclass(frozen=True)
class Path:
    """A parsed expression."""

    steps: tuple[str | int | _Wildcard | Filter, ...]

    def select(self, value: Any) -> list[Any]:
        """Every value that the path leads to."""
        found = [value]
        for step in self.steps:
            found = [item for parent in found for item in _children(parent, step)]
        return found


def parse(expression: str) -> Path:
    """Parse an expression that starts at its root, with or without ``$``. Raises PathError."""
    rest = expression.strip().removeprefix("$").removeprefix("@")
    steps: list[str | int | _Wildcard | Filter] = []
    while rest:
        match = _STEP.match(rest)
        if match is None:
            raise PathError(f"cannot read {rest!r} in the JSONPath {expression!r}")
        steps.append(_step(match))
        rest = rest[match.end() :]
    return Path(tuple(steps))


def _step(match: re.Match[str]) -> str | int | _Wildcard | Filter:
    if match["name"] is not None:
        return match["name"]
    if match["quoted"] is not None:
        return match["quoted"]
    if match["index"] is not None:
        return int(match["index"])
    if match["filter"] is not None:
        return _filter(match["filter"].strip())
    return _EVERY


def _filter(written: str) -> Filter:
    if written.startswith("(") and written.endswith(")"):
        written = written[1:-1]
    groups = (group.split("&&") for group in written.split("||"))
    return Filter(tuple(tuple(_comparison(part.strip()) for part in group) for group in groups))


def _comparison(written: str) -> Comparison:
    match = _COMPARISON.match(written)
    if match is None:
        raise PathError(f"cannot read the filter {written!r}: it must compare @ or a path below it with == or !=")
    return Comparison(parse(match["path"]), match["operator"] or "", _literal(match["value"]))


def _literal(written: str | None) -> Any:
    if written is None:
        return None
    if written[0] in "'\"":
        return written[1:-1]
    if written in _LITERALS:
        return _LITERALS[written]
    try:
        return int(written) if written.lstrip("+-").isdigit() else float(written)
    except ValueError as error:
        raise PathError(f"{written!r} is neither a number nor a quoted text") from error


def _children(value: Any, step: str | int | _Wildcard | Filter) -> list[Any]:
    entries = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(step, Filter):
        return [entry for entry in entries if step.holds(entry)]
    if isinstance(step, _Wildcard):
        return entries
    if isinstance(step, int):
        return entries[step : step + 1 or None] if isinstance(value, list) else []
    return [value[step]] if isinstance(value, dict) and step in value else []
