"""Both stacks as `make render` writes them; needs the engine, but no lab."""

import subprocess
from pathlib import Path

import pytest

from tests.render.checkers import ROOT

STACKS = ("dev", "prod")


def render(stack: str, out: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "render", f"STACK={stack}", f"OUT={out}", f"SET={' '.join(settings)}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The directories by stack."""
    found = {stack: tmp_path_factory.mktemp("rendered") / stack for stack in STACKS}
    for stack, out in found.items():
        done = render(stack, out)
        assert done.returncode == 0, done.stdout + done.stderr
    return found


@pytest.fixture(params=STACKS)
def tree(request: pytest.FixtureRequest, trees: dict[str, Path]) -> Path:
    """Each of them in turn."""
    return trees[request.param]
