"""The Character service as it is deployed: decisions that are made once and kept, whatever becomes of the database."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from app.character.client import CharacterClient, CharacterUnavailable
from app.character.rewards import RewardStatus
from tests.cluster.characters import (
    BACK_SECONDS,
    CHARACTER,
    IN_STEP_SECONDS,
    ask,
    catalogue,
    catalogue_version,
    client_of,
    in_a_pod,
    new_id,
    query,
    scale,
    two_pods,
    undone,
)
from tests.cluster.clients import Json, Shell, wait_for
from tests.cluster.outages import Lab
from tests.cluster.processes import frozen, running

QUICK_SECONDS = 3


@pytest.fixture(scope="module")
def pods(shell: Shell, lab: Lab) -> Iterator[list[Json]]:
    with two_pods(shell, lab) as both:
        yield both


@pytest.fixture(scope="module")
def clients(pods: list[Json]) -> Iterator[list[CharacterClient]]:
    """One for each pod."""
    with ExitStack() as stack:
        yield [stack.enter_context(client_of(pod)) for pod in pods]


@pytest.fixture
def client(clients: list[CharacterClient]) -> CharacterClient:
    return clients[0]


@pytest.fixture
def paper(shell: Shell) -> Iterator[Json]:
    """The character that paper earns; whatever a test makes of it is undone."""
    with undone(shell, "char-paper") as row:
        yield row


def test_of_twenty_scans_at_once_one_is_granted(clients: list[CharacterClient]) -> None:
    user = f"user-{new_id()}"
    with ThreadPoolExecutor(20) as threads:
        rewards = list(threads.map(lambda number: ask(clients[number % 2], user_id=user), range(20)))
    assert Counter(reward.status for reward in rewards) == {RewardStatus.GRANTED: 1, RewardStatus.OWNED: 19}


def test_two_who_ask_at_once_about_one_task_hear_the_same(clients: list[CharacterClient], shell: Shell) -> None:
    user = f"user-{new_id()}"
    tasks = [new_id() for _ in range(10)]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda number: ask(clients[number % 2], tasks[number // 2], user), range(20)))
    assert answers[::2] == answers[1::2]
    assert query(shell, f"SELECT count(*) FROM reward_decisions WHERE user_id = '{user}'") == "10"


def test_a_repeated_task_gets_its_first_answer_whatever_the_catalogue_says_now(
    client: CharacterClient, shell: Shell, pods: list[Json], paper: Json
) -> None:
    task, user = new_id(), f"user-{new_id()}"
    first = ask(client, task, user)
    [changed] = catalogue(shell, "change", paper["code"], "--dialog", "바뀐 대사")
    wait_for("the pod to know", lambda: catalogue_version(pods[0]) >= changed["version"], IN_STEP_SECONDS)
    assert ask(client, task, user) == first
    other = ask(client).character
    assert other is not None
    assert other.dialog == "바뀐 대사"


def test_who_owned_it_before_there_were_decisions_is_granted_nothing(client: CharacterClient, shell: Shell) -> None:
    user = f"user-{new_id()}"
    query(
        shell,
        "INSERT INTO character_ownerships (id, user_id, character_code, source, granted_at) "
        f"VALUES (gen_random_uuid(), '{user}', 'char-paper', 'sign-up', now())",
    )
    assert ask(client, user_id=user).status is RewardStatus.OWNED


@contextmanager
def without_postgres(shell: Shell, lab: Lab) -> Iterator[None]:
    try:
        scale(shell, "statefulset", "postgres", 0)
        wait_for("PostgreSQL to be away", lambda: not shell.get("pods", "--namespace=postgres")["items"], BACK_SECONDS)
        yield
    finally:
        scale(shell, "statefulset", "postgres", 1)
        lab.wait_until_well()


def test_while_the_database_is_away_it_is_said_quickly_and_nothing_is_decided(
    client: CharacterClient, shell: Shell, lab: Lab, pods: list[Json]
) -> None:
    task, user = new_id(), f"user-{new_id()}"
    kept = ask(client, user_id=user)
    with without_postgres(shell, lab):
        assert takes_no_decision(client, task, user) < QUICK_SECONDS
        wait_for("the health service to say so", lambda: not client.is_serving(), QUICK_SECONDS)
        assert len(shell.ready_pods(CHARACTER, CHARACTER)) == len(pods), "callers would find nobody to ask"
    wait_for("decisions again", client.is_serving, BACK_SECONDS)
    assert kept.status is RewardStatus.GRANTED
    assert ask(client, task, user).status is RewardStatus.OWNED


@contextmanager
def read_only(shell: Shell) -> Iterator[None]:
    """No new transaction may write within the block."""
    try:
        query(shell, "ALTER SYSTEM SET default_transaction_read_only = on")
        query(shell, "SELECT pg_reload_conf()")
        yield
    finally:
        undo = "PGOPTIONS='-c default_transaction_read_only=off' psql character --command '{}'"
        for sql in ("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"):
            shell.kubectl("exec", "--namespace=postgres", "postgres-0", "--", "sh", "-c", undo.format(sql))


def test_a_read_only_database_still_tells_what_was_decided(client: CharacterClient, shell: Shell) -> None:
    task, user = new_id(), f"user-{new_id()}"
    kept = ask(client, task, user)
    with read_only(shell):
        wait_for("the health service to say so", lambda: not client.is_serving(), QUICK_SECONDS)
        assert ask(client, task, user) == kept
        assert takes_no_decision(client, new_id(), user) < QUICK_SECONDS
    wait_for("decisions again", client.is_serving, QUICK_SECONDS)


def test_a_frozen_database_holds_nobody_up_for_longer_than_the_deadline(
    client: CharacterClient, shell: Shell, pods: list[Json]
) -> None:
    task, user = new_id(), f"user-{new_id()}"
    uid = shell.get("pod", "postgres-0", "--namespace=postgres")["metadata"]["uid"]
    with frozen(running("postgres", uid)), ThreadPoolExecutor(20) as threads:
        assert max(threads.map(lambda _: takes_no_decision(client, task, user), range(20))) < QUICK_SECONDS
        wait_for("the health service to say so", lambda: not client.is_serving(), 2 * QUICK_SECONDS)
    wait_for("decisions again", client.is_serving, BACK_SECONDS)
    assert ask(client, task, user) == ask(client, task, user)


def takes_no_decision(client: CharacterClient, task: str, user: str) -> float:
    """Seconds until it was said that nothing can be decided now."""
    start = time.monotonic()
    with pytest.raises(CharacterUnavailable):
        ask(client, task, user)
    return time.monotonic() - start


def test_migrations_that_run_at_once_do_not_disturb_each_other(shell: Shell) -> None:
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: shell(*in_a_pod("-m", "app.character.migrate")), range(3)))


def test_the_database_is_what_the_tables_say(shell: Shell) -> None:
    differences = """
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from app.character.database import create_database
from app.character.tables import metadata
from app.settings import PostgresSettings
with create_database(PostgresSettings(), connections=1).connect() as connection:
    print(compare_metadata(MigrationContext.configure(connection), metadata))
"""
    assert shell(*in_a_pod("-c", differences)).stdout.strip() == "[]", "a migration is missing"


ASKS_ON = """
import os, time, uuid
from app.character.client import CharacterClient, CharacterUnavailable
from app.character.rewards import Classification
client = CharacterClient(os.environ["CHARACTER_HOST"], int(os.environ["CHARACTER_PORT"]), timeout_seconds=2)
paper = Classification(major_category="재활용폐기물", middle_category="종이")
asked, failed, end = 0, [], time.monotonic() + 45
while time.monotonic() < end:
    asked += 1
    try:
        client.grant_reward(task_id=str(uuid.uuid4()), user_id="rolling", classification=paper, has_rules=True,
                            insufficient=False)
    except CharacterUnavailable as error:
        failed.append(str(error))
    time.sleep(0.05)
print(asked, failed)
"""


def test_a_rolling_update_fails_no_call(shell: Shell, lab: Lab) -> None:
    command = ("exec", "--namespace=scan", "deployment/reward-worker", "--", "python", "-c", ASKS_ON)
    with ThreadPoolExecutor(1) as threads, lab.well_afterwards():
        asking = threads.submit(shell.kubectl, *command)
        time.sleep(5)
        shell.kubectl("rollout", "restart", f"deployment/{CHARACTER}", f"--namespace={CHARACTER}")
        said = asking.result().strip()
    asked, failed = said.split(maxsplit=1)
    assert int(asked) > 100
    assert failed == "[]", "rewards would wait for the next round of their ladder at each update"
