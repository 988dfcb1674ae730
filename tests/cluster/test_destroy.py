"""The stack goes, and comes back by kubectl alone. Late: every Service gets a new address by it.

Each test goes on from where the one before has left the cluster.
"""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from infra import namespaces
from tests.cluster.clients import ROOT, Scans, Shell, Stack, wait_for

LAB = [sys.executable, "-m", "lab"]
START_SECONDS = 240


@pytest.fixture(scope="module")
def passwords(shell: Shell) -> dict[str, str]:
    """The stack's own, by the variables of secrets.env."""
    found = {"REDIS_PASSWORD": ("redis", "redis", "password"), "MODEL_API_KEY": ("scan", "model", "apiKey")}
    found["POSTGRES_PASSWORD"] = ("postgres", "postgres", "password")
    return {variable: shell.secret(namespace, name)[key] for variable, (namespace, name, key) in found.items()}


def rendered(stack: str, config: Path, out: Path, *settings: str) -> Path:
    options = [f"--stack={stack}", f"--stack-file={config}", f"--out={out}", *(f"--set={one}" for one in settings)]
    subprocess.run([*LAB, "render", *options], cwd=ROOT, check=True)
    return out


@pytest.fixture(scope="module")
def tree(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stack's own."""
    return rendered(stack.name, stack.config_file, tmp_path_factory.mktemp("rendered") / stack.name)


def test_destroy_ends_without_hanging_finalizers(passwords: dict[str, str], stack: Stack, shell: Shell) -> None:
    stack.pulumi("destroy", "--yes", "--skip-preview")
    left = shell.kubectl("get", "namespaces", "--output=name").split()
    assert not {f"namespace/{name}" for name in namespaces.ALL} & set(left)


def test_the_api_server_takes_every_object_that_is_rendered(tree: Path, shell: Shell, tmp_path: Path) -> None:
    """Both stacks', into a cluster with no more than their namespaces and definitions."""
    # AWS' StorageClass has the name of one that the lab has already, and a class cannot be changed.
    trees = [tree, rendered("prod", ROOT / "Pulumi.prod.yaml", tmp_path / "prod", "awsClusterName=")]
    apply = ("kubectl", "apply", "--server-side", "--recursive", "--filename")
    shell(*apply, str(trees[0] / "wave-00"))
    shell("kubectl", "wait", "--for=condition=Established", "customresourcedefinitions", "--all", "--timeout=60s")
    for each in trees:
        done = shell(*apply, str(each), "--dry-run=server")
        assert len(done.stdout.splitlines()) == len(list(each.rglob("*.yaml")))


def test_what_is_rendered_and_applied_by_hand_completes_a_photo(
    passwords: dict[str, str], tree: Path, shell: Shell, photo: Path
) -> None:
    """By the very commands that are rendered with it."""
    (tree / "secrets.env").write_text("".join(f"{name}={value}\n" for name, value in passwords.items()))
    fill_in, *commands = re.findall(r"(?m)^\$ (.*)$", (tree / "README.md").read_text())
    assert "secrets.env.example" in fill_in
    assert len(commands) == 2
    for command in commands:
        shell("bash", "-c", command, cwd=tree)

    wait_for("the API", lambda: shell.ready_pods("scan", "scan-api"), START_SECONDS)
    with httpx.Client(base_url=f"http://{shell.cluster_ip('scan', 'scan-api')}", timeout=30) as http:
        scans = Scans(http)
        assert scans.finish(scans.submit(photo), timeout_seconds=120)["status"] == "completed"
