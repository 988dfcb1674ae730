"""The Character service as the tests see it: its pods, its clients, its command line and its database."""

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from app.character.client import CharacterClient
from app.character.rewards import Classification, Reward
from app.rules import RECYCLABLE
from tests.cluster.clients import Json, Shell, wait_for
from tests.cluster.outages import Lab

CHARACTER = "character"
GRPC_PORT = 50051
METRICS_PORT = 9000
PAPER = Classification(major_category=RECYCLABLE, middle_category="종이")
IN_STEP_SECONDS = 1
BACK_SECONDS = 60


def new_id() -> str:
    return str(uuid.uuid4())


def ask(client: CharacterClient, task_id: str | None = None, user_id: str | None = None) -> Reward:
    """Asks for a clean thing of paper; of a new task and a new user unless told otherwise."""
    return client.grant_reward(
        task_id=task_id or new_id(),
        user_id=user_id or f"user-{new_id()}",
        classification=PAPER,
        has_rules=True,
        insufficient=False,
    )


def query(shell: Shell, sql: str) -> str:
    command = ("psql", "character", "--no-align", "--tuples-only", "--command", sql)
    return shell.kubectl("exec", "--namespace=postgres", "postgres-0", "--", *command).strip()


ANY_POD = f"deployment/{CHARACTER}"


def in_a_pod(*words: str, pod: str = ANY_POD) -> tuple[str, ...]:
    """The command that runs Python in one of the service's pods."""
    return ("kubectl", "exec", f"--namespace={CHARACTER}", pod, "--", "python", *words)


def catalogue(shell: Shell, *words: str, pod: str = ANY_POD) -> list[Json]:
    """Runs the catalogue's command line in a pod; the rows that it has shown."""
    said = shell(*in_a_pod("-m", "app.character.catalogue", *words, "--json", pod=pod)).stdout
    rows: list[Json] = json.loads(said)
    return rows


def catalogue_metric(pod: Json, name: str) -> int:
    """What the pod says of the catalogue that it has in memory."""
    text = httpx.get(f"http://{pod['status']['podIP']}:{METRICS_PORT}/metrics", timeout=5).text
    [value] = re.findall(rf"^character_catalogue_{name} (\S+)$", text, re.MULTILINE)
    return int(float(value))


def catalogue_version(pod: Json) -> int:
    return catalogue_metric(pod, "version")


@contextmanager
def client_of(pod: Json) -> Iterator[CharacterClient]:
    client = CharacterClient(pod["status"]["podIP"], GRPC_PORT, timeout_seconds=2)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def two_pods(shell: Shell, lab: Lab) -> Iterator[list[Json]]:
    """Two pods of the service within the block."""
    before = shell.get("deployment", CHARACTER, f"--namespace={CHARACTER}")["spec"]["replicas"]
    scale(shell, "deployment", CHARACTER, 2)
    try:
        wait_for("two pods", lambda: len(shell.ready_pods(CHARACTER, CHARACTER)) == 2, BACK_SECONDS)
        yield shell.ready_pods(CHARACTER, CHARACTER)
    finally:
        scale(shell, "deployment", CHARACTER, before)
        lab.wait_until_well()


@contextmanager
def undone(shell: Shell, code: str) -> Iterator[Json]:
    """Whatever the block makes of this character is undone."""
    [before] = [row for row in catalogue(shell, "list") if row["code"] == code]
    try:
        yield before
    finally:
        catalogue(shell, "change", code, "--name", before["name"], "--dialog", before["dialog"])


def scale(shell: Shell, kind: str, namespace: str, replicas: int) -> None:
    """The workload that is named like its namespace."""
    shell.kubectl("scale", kind, namespace, f"--namespace={namespace}", f"--replicas={replicas}")
