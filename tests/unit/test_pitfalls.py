"""tests/pitfalls.toml keeps its word: every known failure has an entry, and every entry something that holds."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.conftest import Recording

ROOT = Path(__file__).parents[2]
CONTENT = tomllib.loads((ROOT / "tests" / "pitfalls.toml").read_text())
PITFALLS: list[dict[str, Any]] = CONTENT["pitfall"]


def test_every_known_failure_has_exactly_one_entry() -> None:
    ids = [one for pitfall in PITFALLS for one in pitfall["ids"]]
    assert sorted(ids) == sorted(set(CONTENT["known"]))


@pytest.mark.parametrize("pitfall", PITFALLS, ids=lambda pitfall: pitfall["ids"][0])
def test_an_entry_has_tests_or_a_reason(pitfall: dict[str, Any]) -> None:
    assert set(pitfall) <= {"ids", "failure", "tests", "cannot", "no_kind", "no_import"}
    assert pitfall["failure"].endswith(".")
    assert bool(pitfall.get("tests")) != bool(pitfall.get("cannot")), "both or neither keep it out"
    assert "cannot" in pitfall or not {"no_kind", "no_import"} & set(pitfall), "nothing rests on this absence"


def test_every_test_that_is_named_exists() -> None:
    named = {test for pitfall in PITFALLS for test in pitfall.get("tests", [])}
    files = {test.partition("::")[0] for test in named}
    there = {f"{file}::{name}" for file in files for name in functions(ROOT / file)}
    assert named <= there, f"renamed or gone: {named - there}"


def functions(file: Path) -> Iterator[str]:
    """Names of the tests that pytest collects from a file, without running anything of it."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name


def test_a_failure_that_needs_an_object_has_come_within_reach_when_the_stacks_make_one(
    built: Recording, variant: Recording
) -> None:
    made = {resource.type.rpartition(":")[2] for stack in (built, variant) for resource in stack.made}
    assert "Deployment" in made
    revive = {str(p["ids"]): kinds for p in PITFALLS if (kinds := made & set(p.get("no_kind", [])))}
    assert not revive, f"their reasons hold no more, they need tests: {revive}"


def test_a_failure_that_needs_a_module_has_come_within_reach_when_the_app_imports_it() -> None:
    used = {module for source in (ROOT / "app").rglob("*.py") for module in imported(source)}
    assert "celery" in used
    revive = {str(p["ids"]): modules for p in PITFALLS if (modules := used & set(p.get("no_import", [])))}
    assert not revive, f"their reasons hold no more, they need tests: {revive}"


def imported(source: Path) -> Iterator[str]:
    """The modules that a file imports, with the packages around them; of ``from a import b`` also ``a.b``."""
    for node in ast.walk(ast.parse(source.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for parts in (name.split(".") for name in names):
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
