"""The catalogue of characters as it is deployed: every pod knows of a change within a second, or after its cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.cluster.characters import (
    BACK_SECONDS,
    CHARACTER,
    IN_STEP_SECONDS,
    catalogue,
    catalogue_metric,
    catalogue_version,
    in_a_pod,
    two_pods,
    undone,
)
from tests.cluster.clients import Broker, Json, Shell, wait_for
from tests.cluster.outages import Lab
from tests.cluster.processes import running

CUT_NOTICED_SECONDS = 15
"""Two heartbeats, and a little more."""


@pytest.fixture(scope="module")
def pods(shell: Shell, lab: Lab) -> Iterator[list[Json]]:
    with two_pods(shell, lab) as both:
        yield both


@pytest.fixture
def paper(shell: Shell) -> Iterator[Json]:
    """The character that paper earns; whatever a test makes of it is undone."""
    with undone(shell, "char-paper") as row:
        yield row


def test_a_change_reaches_every_pod_within_a_second(shell: Shell, pods: list[Json], paper: Json) -> None:
    for number in range(5):
        [changed] = catalogue(shell, "change", paper["code"], "--dialog", f"{number}번째 대사")
        wait_for(
            "both pods to know",
            lambda version=changed["version"]: {catalogue_version(pod) for pod in pods} == {version},  # type: ignore[misc]
            IN_STEP_SECONDS,
            every_seconds=0.05,
        )


@contextmanager
def cut_off(pod: Json) -> Iterator[None]:
    """Packets between the pod and the broker are lost within the block; both believe in their connection at first."""
    [container] = pod["status"]["containerStatuses"]
    assert container["ready"]
    process = running("python", pod["metadata"]["uid"])[0]
    inside = ("nsenter", f"--net=/proc/{process}/ns/net", "nft")
    rules = "table inet cut { chain output { type filter hook output priority 0; tcp dport 5672 drop; }; }"
    shell = Shell({})
    try:
        shell(*inside, rules.replace("table", "add table", 1))
        yield
    finally:
        shell(*inside, "delete table inet cut")


def test_a_change_while_a_pod_was_cut_off_is_there_after_the_cut(shell: Shell, pods: list[Json], paper: Json) -> None:
    near, far = pods
    change = partial(catalogue, shell, "change", paper["code"], "--dialog", pod=near["metadata"]["name"])
    with cut_off(far):
        [changed] = change("끊긴 동안의 대사")
        wait_for("the other to know", lambda: catalogue_version(near) == changed["version"], IN_STEP_SECONDS)
        wait_for("the cut to be noticed", lambda: not catalogue_metric(far, "synced"), CUT_NOTICED_SECONDS)
        [changed] = change("끊긴 것을 안 뒤의 대사")
        assert far["metadata"]["name"] in {pod["metadata"]["name"] for pod in shell.ready_pods(CHARACTER, CHARACTER)}
    wait_for("the cut pod to catch up", lambda: catalogue_version(far) == changed["version"], 30)
    [changed] = change("그 다음 대사")
    wait_for("both to be in step again", lambda: catalogue_version(far) == changed["version"], IN_STEP_SECONDS)


def test_a_listener_whose_connection_is_closed_listens_again(
    shell: Shell, broker: Broker, lab: Lab, pods: list[Json], paper: Json
) -> None:
    user = shell.secret(CHARACTER, "character-user-credentials")["username"]

    def connections() -> set[str]:
        return {item["name"] for item in broker.everywhere("connections") if item["user"] == user}

    wait_for("the broker to count their connections", lambda: len(connections()) == len(pods), 30)
    before = connections()
    lab.cut_off("character")
    [changed] = catalogue(shell, "change", paper["code"], "--dialog", "다시 이어진 대사")
    wait_for(
        "both pods to know", lambda: {catalogue_version(pod) for pod in pods} == {changed["version"]}, BACK_SECONDS
    )
    wait_for("new connections", lambda: len(connections() - before) == len(pods), 30)


def test_a_refused_change_says_why_and_changes_nothing(shell: Shell) -> None:
    before = catalogue(shell, "list")
    done = shell(*in_a_pod("-m", "app.character.catalogue", "change", "char-nobody", "--name", "x"), check=False)
    assert done.returncode == 1
    assert "there is no character char-nobody" in done.stderr
    assert catalogue(shell, "list") == before
