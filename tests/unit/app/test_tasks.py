"""What the tasks do on the broker with each decision."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import Ignore, Reject

from app import tasks, topology
from app.celery_app import create_celery
from app.settings import ApiSettings
from app.state.steps import Beginning
from app.steps.running import Bury, Decision, Drop, PassOn, StepBack, TryAgain
from tests.unit.app.conftest import FakeSteps

TASK = topology.VISION
PUBLISHES_NOTHING: list[dict[str, Any]] = []


class Message:
    """Runs the task as a worker does for a message, and records what it publishes."""

    def __init__(self, celery: Celery, retries: int) -> None:
        self._task = celery.tasks[TASK.name]
        self._retries = retries
        self.published: list[dict[str, Any]] = []

    def run(self, monkeypatch: pytest.MonkeyPatch, decision: Decision) -> str:
        monkeypatch.setattr(tasks, "run_step", lambda *_, **__: decision)
        monkeypatch.setattr(self._task, "signature_from_request", self._sign)
        self._task.push_request(id="id", args=("id",), kwargs={}, retries=self._retries)
        try:
            said: str = self._task.run("id")
        finally:
            self._task.pop_request()
        return said

    def _sign(self, request: Any, retries: int) -> "Message":
        self._republished_with = retries
        return self

    def apply_async(self, **options: Any) -> None:
        self.published.append(options | {"retries": self._republished_with})


@pytest.fixture
def celery(environment: Mapping[str, str]) -> Celery:
    made = create_celery(ApiSettings(), name="test", publishing_connections=2)
    nothing: Any = None
    store: Any = FakeSteps(beginning=Beginning.DONE)
    tasks.register_scan_tasks(made, {TASK: nothing}, store)
    return made


@pytest.mark.parametrize("is_news", [True, False])
def test_a_done_step_hands_the_scan_to_the_next_link(
    celery: Celery, monkeypatch: pytest.MonkeyPatch, is_news: bool
) -> None:
    message = Message(celery, retries=0)
    assert message.run(monkeypatch, PassOn(is_news=is_news, argument="id")) == "id"
    assert message.published == PUBLISHES_NOTHING, "the next link is Celery's to publish"


FIRST, SECOND, LAST = TASK.ladder


@pytest.mark.parametrize(
    ("retries", "wait_seconds", "rung"),
    [(0, 0, FIRST), (1, 0, SECOND), (2, 0, LAST), (0, 0.5, FIRST), (0, 1.5, SECOND), (0, 60, LAST)],
)
def test_a_retry_goes_to_the_ladders_next_rung_or_a_longer_one_if_the_model_asks_for_it(
    celery: Celery, monkeypatch: pytest.MonkeyPatch, retries: int, wait_seconds: float, rung: topology.RetryDelay
) -> None:
    message = Message(celery, retries)
    with pytest.raises(Ignore):
        message.run(monkeypatch, TryAgain("429", wait_seconds))
    [published] = message.published
    assert (published["exchange"], published["retries"]) == (rung.name, retries + 1)
    assert published["routing_key"] == TASK.queue, "the rung dead-letters by this key: it would not come back"
    seconds = rung.delay.total_seconds()
    assert min(max(seconds / 2, wait_seconds), seconds) <= published["expiration"] <= seconds


@pytest.mark.parametrize(("for_long", "rung"), [(False, TASK.ladder[0]), (True, TASK.ladder[-1])])
def test_stepping_back_costs_no_retry(
    celery: Celery, monkeypatch: pytest.MonkeyPatch, for_long: bool, rung: topology.RetryDelay
) -> None:
    message = Message(celery, retries=3)
    with pytest.raises(Ignore):
        message.run(monkeypatch, StepBack("busy", for_long))
    [published] = message.published
    assert (published["exchange"], published["retries"]) == (rung.name, 3)


def test_a_buried_message_is_dead_lettered_by_the_broker(celery: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    message = Message(celery, retries=3)
    with pytest.raises(Reject) as rejected:
        message.run(monkeypatch, Bury("four tries"))
    assert not rejected.value.requeue
    assert message.published == PUBLISHES_NOTHING


def test_a_copy_that_has_lost_its_step_is_acknowledged(celery: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    message = Message(celery, retries=0)
    with pytest.raises(Ignore):
        message.run(monkeypatch, Drop())
    assert message.published == PUBLISHES_NOTHING


class Reward:
    """The reward's step, which decides what it is told to."""

    def __init__(self, decision: Decision) -> None:
        self._decision = decision
        self.given: list[tuple[Any, int]] = []

    def run(self, argument: Any, retries_left: int) -> Decision:
        self.given.append((argument, retries_left))
        return self._decision


def test_a_reward_is_tried_again_for_minutes_and_sooner_in_tests(celery: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    step: Any = Reward(TryAgain("Character is away"))
    tasks.register_reward_task(celery, step, retry_time_scale=0.01)
    task = celery.tasks[topology.REWARD_TASK.name]
    published: list[dict[str, Any]] = []
    signature = SimpleNamespace(apply_async=lambda **options: published.append(options))
    monkeypatch.setattr(task, "signature_from_request", lambda *_, **__: signature)
    for retries, rung in enumerate(topology.REWARD_LADDER):
        task.push_request(id="id", args=({"task_id": "x"},), kwargs={}, retries=retries)
        with pytest.raises(Ignore):
            task.run({"task_id": "x"})
        task.pop_request()
        assert (published[-1]["exchange"], published[-1]["routing_key"]) == (rung.name, topology.REWARD_TASK.queue)
        assert rung.delay.total_seconds() / 200 <= published[-1]["expiration"] <= rung.delay.total_seconds() / 100
    assert [left for _, left in step.given] == [3, 2, 1], "the retry after the last rung is none"
