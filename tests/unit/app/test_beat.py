from collections.abc import Mapping
from typing import Any

import pytest
from amqp.exceptions import ConnectionForced
from celery.beat import Scheduler

from app import topology
from app.beat import BeatHealth, reporting_scheduler, schedule
from app.celery_app import create_celery
from app.deadletters import replay
from app.health import STILL_SECONDS
from app.settings import BeatSettings


def test_beat_sends_one_task_by_an_exchange_that_it_may_write_to() -> None:
    [entry] = schedule(300).values()
    assert entry["schedule"] == 300
    [beat] = [service for service in topology.SERVICES if service.name == "celery-beat"]
    assert entry["options"]["exchange"] in beat.publishes, "without one Celery takes the default exchange"
    bound = {(binding.exchange, binding.routing_key): binding.queue for binding in topology.BINDINGS}
    assert bound[entry["options"]["exchange"], entry["options"]["routing_key"]] == topology.DEFAULT_QUEUE


def test_what_it_sends_is_what_the_worker_runs() -> None:
    [entry] = schedule(300).values()
    assert entry["task"] == replay.TASK


def test_its_message_does_not_expire() -> None:
    [entry] = schedule(300).values()
    assert "expires" not in entry["options"], "workers dead-letter what expires: they would see it too late"


@pytest.fixture
def scheduler(environment: Mapping[str, str], tmp_path: Any) -> Any:
    celery = create_celery(BeatSettings(), name="test", publishing_connections=1)
    scheduler_class = reporting_scheduler(BeatHealth())
    return scheduler_class(celery, lazy=True, schedule_filename=str(tmp_path / "schedule"))


@pytest.mark.parametrize("failures", [0, 1])
def test_a_pooled_connection_that_has_died_in_its_sleep_costs_no_beat(
    scheduler: Any, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    outcomes: list[Any] = [ConnectionForced()] * failures + ["sent"]

    def send(*_: Any, **__: Any) -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(Scheduler, "send_task", send)
    assert scheduler.send_task("x") == "sent"


def test_a_scheduler_that_stands_still_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("app.beat.time.monotonic", lambda: now)
    health = BeatHealth()
    now += STILL_SECONDS - 1
    assert health.is_alive
    health.goes_round()
    now += STILL_SECONDS
    assert not health.is_alive
