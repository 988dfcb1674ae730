import threading
from collections.abc import Callable
from typing import Any

import pytest
from grpc_health.v1.health import OVERALL_HEALTH, HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from sqlalchemy.exc import OperationalError

from app.character import readiness
from app.character.catalogue.snapshot import Catalogue
from app.character.client import SERVICE
from app.character.readiness import Readiness


class Listener:
    silence_seconds = 0.0


class Said:
    """What the health service says of itself over all, and of its decisions."""

    def __init__(self) -> None:
        self.servicer = HealthServicer()

    def __call__(self) -> tuple[bool, bool]:
        context: Any = None
        answers = [self.servicer.Check(HealthCheckRequest(service=name), context) for name in (OVERALL_HEALTH, SERVICE)]
        over_all, decisions = (answer.status == HealthCheckResponse.SERVING for answer in answers)
        return over_all, decisions


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def listener() -> Any:
    return Listener()


Check = Callable[[], bool]


def fails() -> bool:
    raise OperationalError("SELECT", {}, Exception("refused"))


@pytest.mark.parametrize(
    ("check", "expected"), [(lambda: True, (True, True)), (lambda: False, (True, False)), (fails, (True, False))]
)
def test_decisions_are_served_while_the_database_takes_them(
    said: Said, catalogue: Catalogue, listener: Any, check: Check, expected: tuple[bool, bool]
) -> None:
    ready = Readiness(said.servicer, catalogue, listener, check)
    assert said() == (False, False)
    ready.look()
    assert said() == expected
    assert ready.is_ready, "a database's outage would take every pod out of the Service"


def test_a_frozen_database_is_not_waited_for(
    said: Said, catalogue: Catalogue, listener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_PATIENCE_SECONDS", 0.01)
    thaws = threading.Event()
    ready = Readiness(said.servicer, catalogue, listener, lambda: thaws.wait(5))
    ready.look()
    assert said() == (True, False), "dead letters would be replayed into an outage and use their attempts up"
    thaws.set()
    monkeypatch.setattr(readiness, "_PATIENCE_SECONDS", 5)
    ready.look()
    assert said() == (True, True)


def test_without_a_catalogue_it_is_not_ready(said: Said, listener: Any) -> None:
    ready = Readiness(said.servicer, Catalogue(), listener, lambda: True)
    ready.look()
    assert said() == (False, False)
    assert not ready.is_ready
    assert "catalogue" in ready.complaint


def test_it_is_not_ready_any_more_when_it_goes_down(said: Said, catalogue: Catalogue, listener: Any) -> None:
    ready = Readiness(said.servicer, catalogue, listener, lambda: True)
    ready.look()
    ready.going_down()
    ready.look()
    assert said() == (False, False), "a look that was under way must not call clients back"
    assert not ready.is_ready


def test_a_listener_that_stands_still_is_restarted_but_not_while_going_down(
    said: Said, catalogue: Catalogue, listener: Any
) -> None:
    ready = Readiness(said.servicer, catalogue, listener, lambda: True)
    assert ready.is_alive
    listener.silence_seconds = 1000.0
    assert not ready.is_alive
    ready.going_down()
    assert ready.is_alive
