"""The rules of the house that a machine can check."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUPPORT = {
    "authz.py",
    "collector.py",
    "conftest.py",
    "draw.py",
    "spoil.py",
    "brokers.py",
    "certificates.py",
    "changes.py",
    "characters.py",
    "checkers.py",
    "clients.py",
    "environment.py",
    "faults.py",
    "load.py",
    "measuring.py",
    "monitoring.py",
    "outages.py",
    "pages.py",
    "processes.py",
    "reachability.py",
    "result.py",
    "rewards.py",
    "schemas.py",
    "wire.py",
    "__main__.py",
}


def tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", pattern],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines()]


def test_every_python_file_under_tests_is_collected_or_support() -> None:
    stray = [path for path in tracked("tests/*.py") if not path.name.startswith("test_") and path.name not in SUPPORT]
    assert not stray, f"pytest never runs these: {stray}"


@pytest.mark.parametrize("folder", ["infra", "lab", "policies", "stacks", "tests"])
def test_a_queue_name_is_typed_in_the_topology_and_nowhere_else(folder: str) -> None:
    name = re.compile(r"[\"'](?:dlq|archive|retry)\.[a-z0-9_.]+[\"']|[\"']scan\.(?:vision|rule|answer|reward)[\"']")
    typed = [f"{path}: {found}" for path in tracked(f"{folder}/*.py") if (found := name.findall(path.read_text()))]
    assert not typed, "import the name from app.topology: a name typed twice drifts apart"
