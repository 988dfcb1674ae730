"""PostgreSQL as it is deployed: what it confirmed outlives its process, and nobody enters without the password."""

import os
import subprocess
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.cluster.clients import Json, Shell, Stack, wait_for
from tests.cluster.processes import kill, running

POD = "postgres-0"
RESTART_SECONDS = 60
GRACE_SECONDS = 60
"""After which a server that still waits for its clients is killed."""


def in_pod(*command: str) -> tuple[str, ...]:
    return ("kubectl", "exec", "--namespace=postgres", POD, "--", *command)


def query(shell: Shell, sql: str) -> str:
    return shell(*in_pod("psql", "character", "--no-align", "--tuples-only", "--command", sql)).stdout.strip()


def pod(shell: Shell) -> Json:
    return shell.get("pod", POD, "--namespace=postgres")


def restarts(shell: Shell) -> int:
    """Of the server's container; there is another one beside it."""
    statuses = {status["name"]: status for status in pod(shell)["status"]["containerStatuses"]}
    return int(statuses["postgres"]["restartCount"])


def ready(shell: Shell) -> set[str]:
    """UIDs of the pods that are ready: of the one, or of none."""
    return {item["metadata"]["uid"] for item in shell.ready_pods("postgres", "postgres")}


@pytest.fixture
def table(shell: Shell) -> Iterator[str]:
    query(shell, "CREATE TABLE probe (x integer PRIMARY KEY)")
    yield "probe"
    wait_for("PostgreSQL to be back", lambda: ready(shell), RESTART_SECONDS)
    query(shell, "DROP TABLE probe")


def test_what_was_committed_is_there_after_the_server_is_killed(shell: Shell, table: str) -> None:
    query(shell, f"INSERT INTO {table} SELECT generate_series(1, 10000)")
    before = restarts(shell)
    kill(running("postgres", pod(shell)["metadata"]["uid"]))
    wait_for("a new container", lambda: restarts(shell) > before, RESTART_SECONDS)
    wait_for("PostgreSQL to be back", lambda: ready(shell), RESTART_SECONDS)
    assert query(shell, f"SELECT count(*) FROM {table}") == "10000"


def test_a_client_that_stays_does_not_hold_up_a_restart(shell: Shell, table: str) -> None:
    uid = pod(shell)["metadata"]["uid"]
    stays = subprocess.Popen(
        in_pod("psql", "character", "--command", "SELECT pg_sleep(300)"),
        env={**os.environ, **shell.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        wait_for("the client to be connected", lambda: query(shell, asleep) == "1")
        begun = time.monotonic()
        shell.kubectl("delete", "pod", POD, "--namespace=postgres", "--wait=false")
        wait_for("another pod", lambda: ready(shell) - {uid}, 2 * GRACE_SECONDS)
        assert time.monotonic() - begun < GRACE_SECONDS / 2, "it waited for its client until it was killed"
    finally:
        stays.kill()
        stays.wait()


@pytest.mark.parametrize("wrong", ["", "postgres", "wrong-password-of-postgres"])
def test_nobody_enters_over_the_network_without_the_password(shell: Shell, wrong: str) -> None:
    login(shell, shell.secret("postgres", "postgres")["password"]).close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        login(shell, wrong)


def login(shell: Shell, password: str) -> "psycopg.Connection[tuple[object, ...]]":
    host = shell.cluster_ip("postgres", "postgres")
    return psycopg.connect(host=host, dbname="character", user="postgres", password=password, connect_timeout=5)


def test_an_update_runs_no_finished_job_again(stack: Stack, shell: Shell) -> None:
    def jobs() -> dict[str, str]:
        items = shell.get("jobs", "--namespace=character")["items"]
        return {item["metadata"]["name"]: item["metadata"]["uid"] for item in items}

    before = jobs()
    assert {name.rpartition("-")[0] for name in before} == {"character-migration", "character-warm-up"}
    stack.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert jobs() == before
