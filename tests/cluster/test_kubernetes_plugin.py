"""The Kubernetes stand-in against a real kubelet: what it says of rollouts that fail, and what it keeps of secrets."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.clients import Json, Shell

HEAD = """
import pulumi
import pulumi_kubernetes as k8s

def deployment(name, timeout_seconds, pod={}, **container):
    labels = {"app": name}
    probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": 1, "periodSeconds": 1}
    app = {"name": "app", "imagePullPolicy": "Never", "readinessProbe": probe} | container
    k8s.apps.v1.Deployment(
        name,
        metadata={
            "name": name,
            "namespace": NAMESPACE,
            "annotations": {"pulumi.com/timeoutSeconds": str(timeout_seconds)},
        },
        spec={
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [app]} | pod,
            },
        },
    )
"""


@dataclass(frozen=True)
class Program:
    """A small Pulumi program with a backend and a namespace of its own."""

    shell: Shell
    folder: Path
    namespace: str

    def write(self, body: str) -> None:
        (self.folder / "__main__.py").write_text(f"NAMESPACE = {self.namespace!r}\n{HEAD}\n{body}")

    def pulumi(self, *arguments: str, check: bool = True) -> str:
        own = (f"PULUMI_BACKEND_URL=file://{self.folder}/state", "PULUMI_CONFIG_PASSPHRASE=test", "PULUMI_STACK=test")
        done = self.shell("env", *own, "pulumi", *arguments, "--non-interactive", cwd=self.folder, check=check)
        return done.stdout + done.stderr

    def up(self, *, check: bool = True) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", check=check)

    def resources(self) -> dict[str, Json]:
        """The state's resources by the last part of their URN."""
        state: Json = json.loads(self.pulumi("stack", "export"))
        return {item["urn"].rsplit("::", 1)[-1]: item for item in state["deployment"]["resources"]}


@pytest.fixture
def program(shell: Shell, tmp_path: Path) -> Iterator[Program]:
    program = Program(shell, tmp_path, f"plugin-{uuid.uuid4().hex[:8]}")
    (tmp_path / "Pulumi.yaml").write_text("name: plugin\nruntime: python\n")
    (tmp_path / "state").mkdir()
    shell.kubectl("create", "namespace", program.namespace)
    program.pulumi("stack", "init", "test")
    yield program
    program.pulumi("destroy", "--yes", "--skip-preview")
    shell.kubectl("delete", "namespace", program.namespace, "--wait=false")


@pytest.fixture
def image(shell: Shell) -> str:
    """An image with Python that every node has."""
    pod = shell.get("deployment", "model", "--namespace=model")["spec"]["template"]["spec"]
    return str(pod["containers"][0]["image"])


FAILING = """
deployment("missing", 12, image="localhost/eco2/no-such-image:1")
deployment("crashing", 12, image={image!r}, command=["python3", "-c", "print('no broker there'); raise SystemExit(3)"])
deployment("homeless", 12, image={image!r}, pod={{"nodeSelector": {{"domain": "nowhere"}}}})
"""
MENDED = """
deployment("crashing", 60, image={image!r}, command=["sleep", "100000"])
"""


def test_a_failing_rollout_is_told_by_the_pods_own_reason_and_can_be_mended(program: Program, image: str) -> None:
    program.write(FAILING.format(image=image))
    said = program.up(check=False)
    assert "container app: ErrImageNeverPull" in said
    assert "container app crashed (Error, exit code 3" in said
    assert "| no broker there" in said
    assert "is not scheduled: Unschedulable" in said
    assert program.resources()["crashing"]["initErrors"], "the next up would not wait for it again"

    program.write(MENDED.format(image=image))
    program.up()
    assert "initErrors" not in program.resources()["crashing"]
    program.pulumi("preview", "--expect-no-changes")


def test_a_secret_is_encrypted_in_the_state_and_replaced_under_its_automatic_name(program: Program) -> None:
    secret = 'k8s.core.v1.Secret("login", metadata={"namespace": NAMESPACE}, string_data={"password": "%s"})'
    program.write(secret % "open-sesame")
    program.up()
    first = program.resources()["login"]["id"]
    program.write(secret % "close-sesame")
    program.up()
    second = program.resources()["login"]["id"]
    assert first != second, "who mounts it would not be rolled out"
    stored = json.dumps(program.resources())
    assert "sesame" not in stored
    assert "ciphertext" in stored


def test_what_another_manager_holds_is_not_overwritten_by_accident(program: Program, image: str) -> None:
    body = 'deployment("web", 60, image={image!r}, command=["sleep", "{seconds}"])'
    program.write(body.format(image=image, seconds=100000))
    program.up()
    patch = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    command = {"name": "app", "image": image, "command": ["sleep", "200000"]}
    patch["spec"] = {"template": {"spec": {"containers": [command]}}}
    apply = ("apply", "--server-side", "--force-conflicts", "--field-manager=someone", "--filename=-")
    program.shell.kubectl(*apply, f"--namespace={program.namespace}", stdin=json.dumps(patch))
    program.write(body.format(image=image, seconds=300000))
    said = program.up(check=False)
    assert 'conflict with "someone"' in said
    assert 'pulumi.com/patchForce: "true"' in said
