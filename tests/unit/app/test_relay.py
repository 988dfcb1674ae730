"""The relay over a small stand-in for the outbox' stream."""

import asyncio
import threading
from typing import Any

import pytest
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError, OutOfMemoryError

from app.api import relay
from app.api.relay import Relay

Entries = dict[bytes, bytes]


class Outbox:
    """New entries are handed out once; what is not acknowledged is this consumer's own, or a dead one's."""

    def __init__(self, new: list[str], dead: list[str] | None = None) -> None:
        self._new = [(number, name) for number, name in enumerate(new)]
        self._dead = [(number + 1000, name) for number, name in enumerate(dead or [])]
        self._own: list[tuple[int, str]] = []
        self.faults = 0
        self.is_full = False

    @property
    def waiting(self) -> list[str]:
        return [name for _, name in [*self._own, *self._new, *self._dead]]

    async def xgroup_create(self, *_: Any, **__: Any) -> None:
        if self.is_full:
            raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")

    async def xreadgroup(self, group: str, consumer: str, streams: dict[str, str], **_: Any) -> Any:
        if self.faults:
            self.faults -= 1
            raise ConnectionError
        [start] = streams.values()
        if start == ">":
            await asyncio.sleep(0.001)
            self._own, self._new = self._own + self._new, []
        return [[b"outbox", [(number, {b"task_id": name.encode()}) for number, name in self._own]]]

    async def xautoclaim(self, *_: Any, **__: Any) -> Any:
        claimed, self._dead = self._dead, []
        self._own = claimed + self._own
        return [b"0-0", claimed, []]

    async def xinfo_consumers(self, *_: Any) -> list[Any]:
        return []

    def pipeline(self, **_: Any) -> "Outbox":
        return self

    def xack(self, stream: str, group: str, *numbers: int) -> None: ...

    def xdel(self, stream: str, *numbers: int) -> None:
        self._own = [entry for entry in self._own if entry[0] not in numbers]

    async def execute(self) -> None: ...


class Broker:
    """Refuses a number of publishes, then takes them."""

    def __init__(self, refusals: int = 0) -> None:
        self._refusals = refusals
        self._lock = threading.Lock()
        self.attempts = 0
        self.published: list[str] = []

    def publish(self, task_id: str) -> None:
        with self._lock:
            self.attempts += 1
            if self._refusals:
                self._refusals -= 1
                raise OperationalError("no broker")
            self.published.append(task_id)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(relay, "_LONGEST_WAIT_SECONDS", 0.001)


def run_until_empty(outbox: Any, broker: Broker, threads: int = 2) -> None:
    async def run() -> None:
        one = Relay(outbox, broker.publish, name="me", threads=threads)
        task = asyncio.create_task(one.run())
        try:
            async with asyncio.timeout(5):
                while outbox.waiting:
                    await asyncio.sleep(0.002)
        finally:
            task.cancel()
            one.close()

    asyncio.run(run())


def test_entries_are_published_and_deleted() -> None:
    broker = Broker()
    run_until_empty(Outbox(["a", "b", "c"]), broker)
    assert sorted(broker.published) == ["a", "b", "c"]


def test_a_refused_entry_stays_in_the_outbox_until_it_is_published() -> None:
    broker = Broker(refusals=5)
    run_until_empty(Outbox(["a", "b", "c"]), broker)
    assert sorted(broker.published) == ["a", "b", "c"], "an accepted scan would be lost with the broker's outage"


def test_one_refusal_speaks_for_the_whole_batch() -> None:
    broker = Broker(refusals=2)
    run_until_empty(Outbox(["a", "b", "c"]), broker, threads=1)
    assert broker.attempts == 2 + 3, "each of a batch would wait in vain for a confirm, long after the broker is back"


def test_a_full_redis_does_not_keep_scans_from_being_published() -> None:
    outbox, broker = Outbox(["a"]), Broker()
    outbox.is_full = True
    run_until_empty(outbox, broker)
    assert broker.published == ["a"], "what would make room again waits for room"


def test_a_dead_relays_share_is_taken_over() -> None:
    broker = Broker()
    run_until_empty(Outbox(["new"], dead=["old"]), broker)
    assert sorted(broker.published) == ["new", "old"]


def test_a_relay_that_is_told_to_stop_finishes_what_it_has_begun() -> None:
    outbox: Any = Outbox(["a"])
    begun, may_end, published = threading.Event(), threading.Event(), []

    def publish(task_id: str) -> None:
        begun.set()
        may_end.wait(5)
        published.append(task_id)

    async def run() -> None:
        task = asyncio.create_task(Relay(outbox, publish, name="me", threads=1).run())
        await asyncio.to_thread(begun.wait, 5)
        task.cancel()
        asyncio.get_running_loop().call_later(0.02, may_end.set)
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert (published, outbox.waiting) == (["a"], []), "the scan would wait until another process takes it over"


def test_the_relay_survives_redis_being_away() -> None:
    outbox, broker = Outbox(["a"]), Broker()
    outbox.faults = 3
    run_until_empty(outbox, broker)
    assert broker.published == ["a"]
