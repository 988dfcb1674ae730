"""What would change: the differences between an object as it is and the inputs that it shall follow."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lab.pulumi.kubernetes.objects import Object, dig
from lab.pulumi.kubernetes.values import UNKNOWN

Path = tuple[str | int, ...]

_ABSENT = object()


class Change(Enum):
    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Difference:
    """One changed property. ``old`` and ``new`` are None where the property is absent."""

    path: Path
    change: Change
    old: Any = None
    new: Any = None


def differences(old: Object, new: Object) -> list[Difference]:
    """The differences between an object, pruned to what the program has a say in, and the new inputs."""
    return list(_compare((), old, new))


def _compare(path: Path, old: Any, new: Any) -> Iterator[Difference]:
    if new is _ABSENT or new is None:
        if old is not _ABSENT and old is not None:
            yield Difference(path, Change.DELETE, old=old)
    elif old is _ABSENT:
        yield Difference(path, Change.ADD, new=new)
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(key for key in old if key not in new)]:
            yield from _compare((*path, key), old.get(key, _ABSENT), new.get(key, _ABSENT))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _compare((*path, index), _at(old, index), _at(new, index))
    elif not same(old, new):
        yield Difference(path, Change.UPDATE, old=old, new=new)


def _at(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else _ABSENT


def same(old: Any, new: Any) -> bool:
    """Equality as JSON sees it: 1 is 1.0 but not true. What is not known yet equals nothing."""
    if isinstance(old, bool) != isinstance(new, bool) or new is UNKNOWN:
        return False
    return bool(old == new)


def without_ignored(found: Iterable[Difference], ignored: Iterable[str]) -> list[Difference]:
    """The differences that lie at or below none of the property paths in ``ignored``."""
    paths = [parse_path(path) for path in ignored]
    return [item for item in found if not any(_starts_with(item.path, path) for path in paths)]


def without_mere_spelling(found: Iterable[Difference], applied: Object) -> list[Difference]:
    """Leave out what the API server takes for the same: ``applied`` is what it makes of the new inputs.

    It spells quantities its own way ("1000m" is "1") and drops what is empty.
    """
    return [item for item in found if item.change is Change.DELETE or not same(item.old, dig(applied, *item.path))]


def property_path(path: Path) -> str:
    """A path as Pulumi writes it: ``spec.ports[0].port``, ``metadata.labels["app.kubernetes.io/name"]``."""
    written = ""
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
        elif any(character in step for character in '."[]'):
            escaped = step.replace('"', '\\"')
            written += f'["{escaped}"]'
        else:
            written += f".{step}" if written else step
    return written


def parse_path(written: str) -> Path:
    """The inverse of property_path(); ``*`` stays as it is and stands for any one step."""
    steps: list[str | int] = []
    rest = written
    while rest:
        if rest.startswith('["'):
            name, _, rest = rest[2:].partition('"]')
            steps.append(name.replace('\\"', '"'))
        elif rest.startswith("["):
            index, _, rest = rest[1:].partition("]")
            steps.append(int(index) if index.isdigit() else index)
        else:
            rest = rest.removeprefix(".")
            end = min((at for at in (rest.find("."), rest.find("[")) if at >= 0), default=len(rest))
            steps.append(rest[:end])
            rest = rest[end:]
    return tuple(steps)


def _starts_with(path: Path, prefix: Path) -> bool:
    return len(path) >= len(prefix) and all(part in ("*", step) for step, part in zip(path, prefix, strict=False))


def touches(item: Difference, rule: Path) -> bool:
    """Whether a difference lies at or below a rule's path, or brings in a value that holds this path."""
    if not all(part in ("*", step) for step, part in zip(item.path, rule, strict=False)):
        return False
    depth = len(item.path)
    return depth >= len(rule) or _holds(item.new, rule[depth:])


def _holds(value: Any, path: Path) -> bool:
    if not path:
        return True
    if path[0] == "*":
        return isinstance(value, list) and any(_holds(entry, path[1:]) for entry in value)
    return isinstance(value, dict) and path[0] in value and _holds(value[path[0]], path[1:])
