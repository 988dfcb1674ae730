"""Letters, and an office without a broker."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from app import topology
from app.deadletters.letters import Letter
from app.deadletters.post import Undelivered
from app.deadletters.publications import Publication
from app.steps.reward_order import order_argument

REWARD = topology.REWARD_TASK.queue
DIED_AT = datetime(2026, 1, 1, 12)


def death(queue: str, reason: str = "rejected", **more: Any) -> dict[str, Any]:
    return {"queue": queue, "reason": reason, "count": 1, "time": DIED_AT, "routing-keys": [queue], **more}


def order_body(task_id: str | None = None) -> bytes:
    seen = {"major_category": "재활용폐기물", "middle_category": "금속류"}
    argument = order_argument(
        task_id=task_id or str(uuid4()), user_id="u1", classification=seen, has_rules=True, insufficient=False
    )
    return json.dumps([[argument], {}, {}]).encode()


def reward_letter(*, body: bytes | None = None, headers: dict[str, Any] | None = None, **changes: Any) -> Letter:
    """A letter of scan.reward that was rejected after its last retry."""
    fields: dict[str, Any] = {
        "shelf": topology.dead_letter_queue(REWARD),
        "body": order_body() if body is None else body,
        "properties": {"content_type": "application/json", "content_encoding": "utf-8"},
        "headers": {"task": REWARD, "id": str(uuid4()), "retries": 3, "x-death": [death(REWARD)], **(headers or {})},
        "routing_key": topology.dead_letter_queue(REWARD),
    }
    return Letter(**fields | changes)


class FakeWalk:
    def __init__(self, letters: Sequence[Letter]) -> None:
        self.letters = list(letters)
        self.length = len(self.letters)
        self.settled: list[Letter] = []

    def __iter__(self) -> Iterator[Letter]:
        return iter(self.letters)

    def settle(self, letters: Sequence[Letter]) -> None:
        self.settled += letters


class FakeOffice:
    """Shelves in memory. It keeps what was published, in order, and fails as told."""

    def __init__(self) -> None:
        self.shelves: dict[str, list[Letter]] = {queue.name: [] for queue in topology.QUEUES}
        self.queues = {queue.name: (0, 1) for queue in topology.QUEUES}
        self.published: list[Publication] = []
        self.walks: list[FakeWalk] = []
        self.full: set[str] = set()
        self.is_away = False

    @contextmanager
    def walk(self, shelf: str) -> Iterator[FakeWalk]:
        walk = FakeWalk(self.shelves[shelf])
        self.walks.append(walk)
        yield walk
        self.shelves[shelf] = [letter for letter in walk.letters if letter not in walk.settled]

    def count(self, queue: str) -> tuple[int, int]:
        return self.queues[queue]

    def move(self, walk: FakeWalk, moves: Sequence[tuple[Letter, Publication]]) -> list[Letter]:
        if self.is_away:
            raise Undelivered("away")
        taken = [(letter, item) for letter, item in moves if item.routing_key not in self.full]
        self.published += [item for _, item in taken]
        walk.settle([letter for letter, _ in taken])
        return [letter for letter, item in moves if item.routing_key in self.full]


@pytest.fixture
def office() -> Any:
    return FakeOffice()
