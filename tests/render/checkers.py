"""The checkers of manifests, as programs: what each finds in a tree that was rendered, one line a finding."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lab.cache import Cache
from lab.layout import cache_root
from lab.tools import Tool, ToolBuilder

ROOT = Path(__file__).parents[2]
CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"
"""In an environment of its own (`make checkov`): it asks for other versions of what the project uses as well."""


def files(tree: Path) -> list[Path]:
    return sorted(tree.rglob("*.yaml"))


def objects(tree: Path) -> Iterator[dict[str, Any]]:
    for file in files(tree):
        yield yaml.load(file.read_text(), Loader=yaml.CSafeLoader)


def kubeconform(tree: Path, schemas: str) -> list[str]:
    """What does not satisfy its schema; an object without one is a finding as well."""
    command = [programs()["kubeconform"], "-output=json", "-summary", f"-schema-location={schemas}", *files(tree)]
    report = json.loads(_run(command))
    found = [f"{one['filename']}: {one['msg']}" for one in report.get("resources") or []]
    summary = report["summary"]
    assert summary["valid"] + len(found) == len(files(tree)), f"kubeconform left files out: {summary}"
    return found


def kube_score(tree: Path, disabled: Iterable[str]) -> list[str]:
    """What is critical. Objects are judged together: a Service by its pods, a pod by its NetworkPolicies."""
    ignored = [f"--ignore-test={check}" for check in disabled]
    output = _run([programs()["kube-score"], "score", "--output-format=ci", *ignored, *files(tree)])
    lines = output.splitlines()
    assert any(line.startswith("[OK]") for line in lines), f"kube-score judged nothing: {output[:500]}"
    return [line for line in lines if line.startswith("[CRITICAL]")]


def checkov(tree: Path, disabled: Iterable[str]) -> list[str]:
    """What fails. Without a network: it is asked about these files alone, and tells nobody about them."""
    if not CHECKOV.exists():
        raise RuntimeError("checkov is missing, install it: make checkov")
    options = ["--framework=kubernetes", "--skip-download", "--quiet", "--compact", "--output=json"]
    skipped = f"--skip-check={','.join(disabled)}"
    report = json.loads(_run(["unshare", "--net", CHECKOV, f"--directory={tree}", skipped, *options]))
    assert report["summary"]["passed"] > 500, f"checkov judged next to nothing: {report['summary']}"
    assert not report["summary"]["parsing_errors"]
    return [f"{one['check_id']} {one['resource']}: {one['check_name']}" for one in report["results"]["failed_checks"]]


def _run(command: list[str | Path]) -> str:
    """A checker's report; its exit code says no more than that."""
    environment = {**os.environ, "LOG_LEVEL": "ERROR"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout, f"{command[0]} printed nothing: {done.stderr[-2000:]}"
    return done.stdout


@cache
def programs() -> dict[str, Path]:
    """Built from their Go modules like the lab's tools, and kept with them."""
    store = Cache(cache_root())
    with (
        store.locked(),
        closing(ToolBuilder(store, [Tool("render-checkers", Path(__file__).parent / "tools")])) as tools,
    ):
        return tools.programs()
