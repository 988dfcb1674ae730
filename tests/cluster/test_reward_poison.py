"""Poison in the queues of rewards: it dies at once and alone, and stays dead."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from app import topology
from app.character.rewards import Character
from app.events import CONTENT_TYPE, RewardGranted, write_event
from app.steps.reward_order import order_argument
from tests.cluster.clients import Broker, Model, Scans, Shell, wait_for
from tests.cluster.outages import Lab
from tests.cluster.rewards import (
    BEAT,
    CAN,
    COPIES,
    FLUSH_SECONDS,
    OWNERSHIPS,
    REWARDS,
    Rows,
    restarts,
    reward_of,
)

AT_ONCE_SECONDS = 10
REPLAY_SECONDS = 3
Message = tuple[str | bytes, dict[str, Any]]
"""A body, and AMQP's properties."""


@pytest.fixture
def rows(shell: Shell) -> Rows:
    return Rows(shell, f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture(autouse=True)
def clean(broker: Broker) -> Iterator[None]:
    """What these tests make die is not left to others."""
    yield
    for queue in (*topology.DEAD_LETTER_QUEUES, *topology.ARCHIVES):
        broker.purge(queue.name)


CELERY = {"content_type": "application/json", "content_encoding": "utf-8"}
EVENT = {"content_type": CONTENT_TYPE, "content_encoding": "utf-8"}
MEGABYTE = "x" * 1024 * 1024


def celery_headers() -> dict[str, Any]:
    task_id = str(uuid.uuid4())
    return {"task": topology.REWARD_TASK.name, "id": task_id, "root_id": task_id, "lang": "py", "retries": 0}


def task_body(argument: Any) -> str:
    return json.dumps([[argument], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])


def order() -> dict[str, Any]:
    return order_argument(
        task_id=str(uuid.uuid4()),
        user_id="poisoner",
        classification={"major_category": "재활용폐기물", "middle_category": "금속류", "minor_category": None},
        has_rules=True,
        insufficient=False,
    )


def event(**changes: Any) -> str:
    character = Character(code="char-poison", name="독", type="독", dialog="독")
    granted = RewardGranted.of(str(uuid.uuid4()), "poisoner", character, datetime.now(UTC))
    return json.dumps(json.loads(write_event(granted)) | changes)


POISON: dict[str, Callable[[], Message]] = {
    "not JSON": lambda: (b"\x80\x04}{", CELERY | {"headers": celery_headers()}),
    "another form": lambda: ('{"task": 1}', CELERY | {"headers": celery_headers()}),
    "no argument": lambda: ("[[], {}, {}]", CELERY | {"headers": celery_headers()}),
    "an argument that is no order": lambda: (task_body({"task": 1}), CELERY | {"headers": celery_headers()}),
    "a user of a megabyte": lambda: (
        task_body(order() | {"user_id": MEGABYTE}),
        CELERY | {"headers": celery_headers()},
    ),
    "no headers": lambda: (task_body(order()), CELERY),
    "no such task": lambda: (task_body(order()), CELERY | {"headers": celery_headers() | {"task": "reward.nothing"}}),
    "a time to end": lambda: (
        task_body(order()),
        CELERY | {"headers": celery_headers() | {"expires": "2000-01-01T00:00:00"}},
    ),
}
BAD_EVENTS: dict[str, Callable[[], Message]] = {
    "not JSON": lambda: (b"\x80\x04}{", EVENT),
    "another form": lambda: ('{"task": 1}', EVENT),
    "data of another form": lambda: (event(data={"user": 1}), EVENT),
    "a future version": lambda: (event(type="reward.granted.v2"), EVENT),
    "a megabyte": lambda: (event(padding=MEGABYTE), EVENT),
    "another content type": lambda: (event(), CELERY),
}


def assert_dies_alone(broker: Broker, exchange: str, queue: str, poison: Message) -> None:
    body, properties = poison
    broker.publish(exchange, queue, body, **properties)
    dead = topology.dead_letter_queue(queue)
    wait_for("the dead letter", lambda: len(broker.messages(dead)) == 1, AT_ONCE_SECONDS)
    [letter] = broker.messages(dead)
    [death] = letter["properties"]["headers"]["x-death"]
    assert (death["queue"], death["reason"]) == (queue, "rejected")


@pytest.mark.parametrize("fault", POISON)
def test_a_message_that_asks_for_no_reward_dies_at_once_and_alone(
    fault: str, scans: Scans, model: Model, broker: Broker, shell: Shell, rows: Rows
) -> None:
    before = restarts(shell, REWARDS)
    assert_dies_alone(broker, topology.REWARD.name, topology.REWARD_TASK.queue, POISON[fault]())
    assert reward_of(scans.settle(scans.submit_url(CAN, user=rows.user(0))))["status"] == "granted"
    assert restarts(shell, REWARDS) == before


@pytest.mark.parametrize("fault", BAD_EVENTS)
def test_an_event_that_cannot_be_read_dies_at_once_and_alone(
    fault: str, scans: Scans, model: Model, broker: Broker, shell: Shell, rows: Rows
) -> None:
    before = restarts(shell, OWNERSHIPS, COPIES)
    task_id = scans.submit_url(CAN, user=rows.user(0))
    for queue in (topology.SAVE_OWNERSHIP, topology.SAVE_CHARACTER):
        assert_dies_alone(broker, topology.CHARACTER.name, queue, BAD_EVENTS[fault]())
    scans.settle(task_id)
    wait_for("the good event's rows", rows.are_whole, FLUSH_SECONDS + 5)
    assert restarts(shell, OWNERSHIPS, COPIES) == before


def test_poison_is_left_alone_by_the_replay(lab: Lab, broker: Broker) -> None:
    poison = {
        topology.REWARD_TASK.queue: (topology.REWARD.name, POISON["another form"]),
        topology.SAVE_OWNERSHIP: (topology.CHARACTER.name, BAD_EVENTS["a future version"]),
        topology.SAVE_CHARACTER: (topology.CHARACTER.name, BAD_EVENTS["a future version"]),
    }
    with lab.env(BEAT[1], DEADLETTER_REPLAY_SECONDS=str(REPLAY_SECONDS)):
        for queue, (exchange, make) in poison.items():
            assert_dies_alone(broker, exchange, queue, make())
        time.sleep(5 * REPLAY_SECONDS)
    for queue in poison:
        assert len(broker.messages(topology.dead_letter_queue(queue))) == 1, "it would die for ever, or be archived"
        assert not broker.messages(topology.archive_queue(queue))
