"""How steps' outputs reach a Redis that answers late. What its scripts do is tested in the lab."""

from typing import Any

import pytest
import redis

from app.state import steps
from app.state.record import Step
from app.state.steps import Ending, Lease, StepStore

LEASE = Lease(task_id="3f2b8f9e-8f0a-4a53-9f4e-0d6b6c1a2b3c", step=Step.SCAN, fence=1)


class Faulty:
    """A Redis whose scripts raise these errors first, one a call, and then answer that the output is stored."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls: list[Any] = []

    def register_script(self, _: str) -> Any:
        return self._run

    def _run(self, **call: Any) -> bytes:
        self.calls.append(call)
        if self.errors:
            raise self.errors.pop(0)
        return b"stored"


def finish(monkeypatch: pytest.MonkeyPatch, client: Any, patience_seconds: float) -> Ending:
    monkeypatch.setattr(steps, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(steps, "_OUTPUT_PATIENCE_SECONDS", patience_seconds)
    return StepStore(client, owner="a worker", ttl_seconds=60).finish(LEASE, {"seen": "can"}, [{"progress": 33}])


def test_what_the_model_said_is_offered_again_to_a_redis_that_stood_still(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Faulty(redis.TimeoutError(), redis.ConnectionError())
    assert finish(monkeypatch, client, patience_seconds=60) is Ending.STORED
    assert client.calls == [client.calls[0]] * 3


def test_it_is_not_offered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(redis.TimeoutError):
        finish(monkeypatch, Faulty(*[redis.TimeoutError()] * 10), patience_seconds=0)


def test_a_full_redis_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Faulty(redis.OutOfMemoryError())
    with pytest.raises(redis.OutOfMemoryError):
        finish(monkeypatch, client, patience_seconds=60)
    assert len(client.calls) == 1, "nothing says that there will soon be room"
