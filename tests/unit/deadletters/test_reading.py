"""Which letters are worth another try."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from app import topology
from app.character.rewards import Character
from app.deadletters.reading import is_readable
from app.deadletters.replay import QUEUES
from app.events import CONTENT_TYPE, RewardGranted, write_event
from tests.unit.deadletters.conftest import REWARD, death, order_body, reward_letter

JSON = {"content_type": "application/json", "content_encoding": "utf-8"}


def event_letter(queue: str, body: bytes | None = None, content_type: str = CONTENT_TYPE) -> Any:
    character = Character(code="char-can", name="메탈리", type="금속류", dialog="반가워")
    event = RewardGranted.of(str(uuid4()), "u1", character, datetime.now(UTC))
    return reward_letter(
        shelf=topology.dead_letter_queue(queue),
        headers={"x-death": [death(queue)]},
        properties={"content_type": content_type},
        body=write_event(event) if body is None else body,
    )


def test_a_reward_and_an_event_can_be_read() -> None:
    assert is_readable(reward_letter())
    for queue in (topology.SAVE_OWNERSHIP, topology.SAVE_CHARACTER):
        assert is_readable(event_letter(queue)), "it would never be saved"


def test_every_replayed_queue_has_a_reader() -> None:
    assert set(QUEUES) == {REWARD, topology.SAVE_OWNERSHIP, topology.SAVE_CHARACTER}


@pytest.mark.parametrize(
    "fault",
    [
        {"body": b"garbage"},
        {"body": b"x" * 1024 * 1024},
        {"body": json.dumps([[{"task_id": "x"}], {}, {}]).encode()},
        {"body": json.dumps([[str(uuid4())], {}, {}]).encode()},
        {"body": order_body() + b"]"},
        {"headers": {"task": "scan.nothing"}},
        {"headers": {"id": None}},
        {"headers": {"eta": "2999-01-01T00:00:00"}},
        {"headers": {"expires": "2000-01-01T00:00:00"}},
        {"properties": {**JSON, "content_type": "application/x-python-serialize"}},
        {"properties": {}},
    ],
)
def test_what_a_worker_would_bury_again_is_not_tried(fault: dict[str, Any]) -> None:
    assert not is_readable(reward_letter(**fault)), "it would use up its tries and be archived"


@pytest.mark.parametrize(
    "fault",
    [{"body": b"garbage"}, {"body": b"{}"}, {"content_type": "text/plain"}, {"body": b'{"type": "reward.granted.v9"}'}],
)
def test_an_event_that_nobody_can_save_is_not_tried(fault: dict[str, Any]) -> None:
    assert not is_readable(event_letter(topology.SAVE_OWNERSHIP, **fault))
