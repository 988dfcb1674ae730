"""How a process' list is kept in step, and what its probes say."""

from typing import Any

import pytest
from grpc_health.v1.health import OVERALL_HEALTH
from grpc_health.v1.health_pb2 import HealthCheckResponse

from app.authz import __main__ as command_line
from app.authz.blocklist import BlockList
from app.authz.sync import Sync


class FakeSaid:
    def __init__(self) -> None:
        self.words: dict[str, int] = {}

    def set(self, service: str, word: int) -> None:
        self.words[service] = word

    def enter_graceful_shutdown(self) -> None:
        self.words[OVERALL_HEALTH] = HealthCheckResponse.NOT_SERVING


class FakeStore:
    def load(self) -> tuple[dict[str, float], int]:
        return {"a": 2e9}, 7


@pytest.fixture
def said() -> Any:
    return FakeSaid()


@pytest.fixture
def sync(said: Any) -> Sync:
    store: Any = FakeStore()
    broker: Any = None
    return Sync(BlockList(), store, broker, said)


def come_into_step(sync: Sync) -> None:
    sync._load()
    sync._on_synced()


def test_it_serves_only_with_a_list(sync: Sync, said: Any) -> None:
    assert not sync.is_ready
    assert said.words[OVERALL_HEALTH] == HealthCheckResponse.NOT_SERVING
    assert "Redis" in sync.complaint
    come_into_step(sync)
    assert sync.is_ready
    assert said.words[OVERALL_HEALTH] == HealthCheckResponse.SERVING


def test_a_broker_that_goes_away_makes_the_list_stale_and_nothing_worse(sync: Sync, said: Any) -> None:
    come_into_step(sync)
    assert sync.stale_seconds == 0
    sync._on_lost()
    assert sync.stale_seconds > 0, "nobody would see that changes are missed"
    assert sync.is_ready, "every user would be refused because a few tokens might not be"
    come_into_step(sync)
    assert sync.stale_seconds == 0


def test_a_message_that_cannot_be_read_asks_for_a_load(sync: Sync) -> None:
    assert not sync.apply(b"garbage")
    assert sync.apply(b'{"type": "block", "jti": "a", "until": 5, "version": 8}')


@pytest.mark.parametrize("text", ["soon", "1.5e3", "inf", "nan", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00"])
def test_a_token_is_blocked_until_a_time_to_come_that_cannot_be_mistaken(text: str) -> None:
    with pytest.raises(SystemExit):
        command_line._parser().parse_args(["block", "a", "--until", text])


@pytest.mark.parametrize("text", ["2999-01-01T00:00:00Z", "2999-01-01T09:00:00+09:00", "32472144000"])
def test_times_are_understood(text: str) -> None:
    assert command_line._parser().parse_args(["block", "a", "--until", text]).until == 32472144000
