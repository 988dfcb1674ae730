"""The directory that is written: one file an object, and nothing of before that is no longer rendered."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.errors import LabError

LISTING = ".rendered"
"""Names what was written, a file a line. By it the next rendering knows what is its own."""

_FIRST = ("apiVersion", "kind", "metadata")


class _Dumper(yaml.CSafeDumper):
    """Texts of several lines as such, and what any YAML version could take for a number in quotes."""


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else "'" if re.match(r"[-+.~]?\d", value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def as_yaml(content: Mapping[str, Any]) -> str:
    """The object's text, the same for the same object."""
    keys = [*(key for key in _FIRST if key in content), *sorted(content.keys() - set(_FIRST))]
    ordered = {key: _sorted(content[key]) for key in keys}
    return yaml.dump(ordered, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def file_name(content: Mapping[str, Any], wave: int) -> str:
    """``wave-03/deployment.scan.scan-api.yaml``."""
    metadata = content["metadata"]
    parts = [content["kind"].lower(), metadata.get("namespace"), metadata["name"]]
    name = ".".join(re.sub(r"[^a-z0-9.-]", "-", part.lower()) for part in parts if part)
    return f"wave-{wave:02}/{name}.yaml"


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Bring a directory to ``files``, which are texts by their paths in it.

    A directory that is not empty must have been written by this before. What is not of a rendering is left alone.
    Raises ``LabError`` before anything is changed.
    """
    before = _listed(directory)
    foreign = sorted(name for name in files.keys() - before if (directory / name).exists())
    if foreign:
        raise LabError(f"{directory}: {', '.join(foreign)} is in the way, and was not rendered")
    directory.mkdir(parents=True, exist_ok=True)
    # Both, so that an interrupted rendering leaves nothing that no other one knows.
    _list(directory, before | files.keys())
    for name, text in files.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text)
    for name in before - files.keys():
        (directory / name).unlink(missing_ok=True)
    for folder in {(directory / name).parent for name in before - files.keys()} - {directory}:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    _list(directory, files.keys())


def _listed(directory: Path) -> set[str]:
    listing = directory / LISTING
    if not directory.exists():
        return set()
    if not directory.is_dir():
        raise LabError(f"{directory} is no directory")
    if not listing.is_file():
        if any(directory.iterdir()):
            raise LabError(f"{directory} is not empty and was not made by this command: give another one, or empty it")
        return set()
    names = set(listing.read_text().split("\n")) - {""}
    outside = sorted(name for name in names if Path(name).is_absolute() or ".." in Path(name).parts)
    if outside:
        raise LabError(f"{listing} names what is not in its directory: {', '.join(outside)}")
    return names


def _list(directory: Path, names: Iterable[str]) -> None:
    (directory / LISTING).write_text("".join(f"{name}\n" for name in sorted(names)))


def _sorted(value: Any) -> Any:
    """The order in which the engine hands out keys says nothing."""
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
