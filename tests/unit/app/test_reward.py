"""The reward's step: what it asks, tells and shows, in which order, and what becomes of its message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from celery.exceptions import Reject
from redis.exceptions import ConnectionError

from app.character.client import CharacterRefused, CharacterUnavailable
from app.character.rewards import Character, Classification, Reward, RewardStatus
from app.events import RewardGranted
from app.state.record import Status, Step, read_record
from app.steps.reward import RewardStep
from app.steps.reward_order import order_argument
from app.steps.running import Bury, PassOn, TryAgain

TASK = "3f2b8f9e-8f0a-4a53-9f4e-0d6b6c1a2b3c"
CAN = {"major_category": "재활용폐기물", "middle_category": "금속류", "minor_category": "알루미늄캔"}
ORDER = order_argument(task_id=TASK, user_id="u1", classification=CAN, has_rules=True, insufficient=False)
CANNY = Character(code="char-can", name="캐니", type="금속류", dialog="찌그러뜨려 줘요")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHOWN = {"name": "캐니", "type": "금속류", "dialog": "찌그러뜨려 줘요"}


def reward(status: RewardStatus) -> Reward:
    character = None if status is RewardStatus.NONE else CANNY
    return Reward(status=status, character=character, catalogue_version=1)


@dataclass
class Neighbours:
    """Character, the broker and Redis. Each may have a fault; ``calls`` tells who was called, in this order."""

    answer: Reward | Exception = field(default_factory=lambda: reward(RewardStatus.GRANTED))
    publishing: Exception | None = None
    showing: Exception | None = None
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def grant_reward(
        self, *, task_id: str, user_id: str, classification: Classification, has_rules: bool, insufficient: bool
    ) -> Reward:
        self.calls.append(("ask", (task_id, user_id, classification.middle_category)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def publish(self, event: RewardGranted) -> None:
        self.calls.append(("publish", event))
        if self.publishing:
            raise self.publishing

    def show(self, task_id: str, reward: Mapping[str, Any]) -> bool:
        self.calls.append(("show", (task_id, dict(reward))))
        if self.showing:
            raise self.showing
        return True

    @property
    def called(self) -> list[str]:
        return [who for who, _ in self.calls]


def run(neighbours: Neighbours, argument: Any = ORDER, retries_left: int = 3) -> Any:
    step = RewardStep(characters=neighbours, publish=neighbours.publish, rewards=neighbours, now=lambda: NOW)
    return step.run(argument, retries_left)


def test_a_granted_reward_is_made_known_before_it_is_shown() -> None:
    neighbours = Neighbours()
    assert run(neighbours) == PassOn(is_news=True)
    event = RewardGranted(task_id=TASK, user_id="u1", character=CANNY, granted_at=NOW)
    assert neighbours.calls == [
        ("ask", (TASK, "u1", "금속류")),
        ("publish", event),
        ("show", (TASK, {"status": "granted", "character": SHOWN})),
    ], "a crash in between would show a character that nobody keeps"


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (RewardStatus.OWNED, {"status": "owned", "character": SHOWN}),
        (RewardStatus.NONE, {"status": "none"}),
    ],
)
def test_what_was_not_granted_is_shown_and_not_told(status: RewardStatus, shown: dict[str, Any]) -> None:
    neighbours = Neighbours(answer=reward(status))
    assert run(neighbours) == PassOn(is_news=True)
    assert neighbours.calls[1:] == [("show", (TASK, shown))]


@pytest.mark.parametrize("fields", [{"has_rules": False}, {"insufficient": True}])
def test_what_can_earn_nothing_is_settled_without_character(fields: dict[str, bool]) -> None:
    neighbours = Neighbours(answer=CharacterUnavailable("away"))
    assert run(neighbours, ORDER | fields) == PassOn(is_news=True)
    assert neighbours.calls == [("show", (TASK, {"status": "none"}))], "an outage would leave hope where there is none"


@pytest.mark.parametrize(
    "neighbours",
    [
        Neighbours(answer=CharacterUnavailable("away")),
        Neighbours(answer=ValueError("a fault of ours")),
        Neighbours(showing=ConnectionError()),
    ],
)
def test_what_may_pass_is_tried_again_and_then_dead_lettered_for_the_replay(neighbours: Neighbours) -> None:
    assert isinstance(run(neighbours, retries_left=1), TryAgain)
    assert isinstance(run(neighbours, retries_left=0), Bury)


def test_a_worker_that_goes_down_while_it_publishes_gives_the_message_back() -> None:
    neighbours = Neighbours(publishing=Reject("goes down", requeue=True))
    with pytest.raises(Reject):
        run(neighbours)
    assert neighbours.called == ["ask", "publish"], "what is not told must not be shown"


def test_what_character_refuses_is_not_asked_again() -> None:
    assert isinstance(run(Neighbours(answer=CharacterRefused("INVALID_ARGUMENT"))), Bury)


BAD_ORDERS: dict[str, Any] = {
    "the scan's id alone": TASK,
    "nothing": None,
    "another form": {"task": 1},
    "no UUID": ORDER | {"task_id": "1"},
    "a UUID in capitals": ORDER | {"task_id": TASK.upper()},
    "a megabyte": ORDER | {"user_id": "x" * 1024 * 1024},
    "a user that is a number": ORDER | {"user_id": 1},
    "a truth that is a word": ORDER | {"has_rules": "yes"},
    "no categories": ORDER | {"classification": {}},
    "a category that is a list": ORDER | {"classification": CAN | {"major_category": ["a"]}},
}


@pytest.mark.parametrize("fault", BAD_ORDERS)
def test_what_is_no_order_is_dead_lettered_at_once(fault: str) -> None:
    neighbours = Neighbours()
    decision = run(neighbours, BAD_ORDERS[fault])
    assert isinstance(decision, Bury)
    assert neighbours.calls == []
    assert len(decision.reason) < 300, "the log would carry the whole message"


def record(**fields: str) -> Any:
    hash_ = {"id": TASK, "version": "9", "status": "completed", "step": "complete", "progress": "100", **fields}
    return read_record({name.encode(): value.encode() for name, value in hash_.items()})


def test_the_status_shows_the_reward_within_the_result() -> None:
    found = record(result='{"answer": "캔"}', reward='{"status": "pending"}')
    assert found.result == {"answer": "캔", "reward": {"status": "pending"}}
    assert (found.status, found.step) == (Status.COMPLETED, Step.COMPLETE)


def test_a_record_from_before_there_were_rewards_reads_as_it_did() -> None:
    assert record(result='{"answer": "캔", "reward": null}').result == {"answer": "캔", "reward": None}
    assert record().result is None
    assert record(reward='{"status": "none"}').result is None, "a scan without a result has no reward to show"
