"""The listener over kombu's in-memory broker: the order of binding and loading, and what makes it load anew."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from amqp import NotFound
from kombu import Connection, Exchange, Producer, Queue

from app import fanout
from app.fanout import FanoutListener


class Source:
    """What is kept in step: ``loaded`` is its state at each load, ``heard`` the messages that were applied."""

    def __init__(self) -> None:
        self.loaded: list[float] = []
        self.heard: list[bytes] = []
        self.fault: Exception | None = None
        self.while_loading: Callable[[], None] = lambda: None
        self.applies = True

    def load(self) -> None:
        if self.fault:
            raise self.fault
        self.while_loading()
        self.loaded.append(time.monotonic())

    def apply(self, body: bytes) -> bool:
        self.heard.append(body)
        return self.applies


class Exchanged:
    """One fanout exchange of the in-memory broker."""

    def __init__(self) -> None:
        self.name = f"news-{uuid.uuid4()}"
        self.connection = Connection("memory://")
        Exchange(self.name, "fanout")(self.connection.default_channel).declare()

    def publish(self, text: str) -> None:
        Producer(self.connection).publish(text, exchange=self.name, routing_key="", content_type="text/plain")


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Exchanged:
    monkeypatch.setattr(fanout, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(fanout, "_RETRY_SECONDS", 0.01)
    # The in-memory broker knows no heartbeats.
    monkeypatch.setattr(Connection, "heartbeat_check", lambda self, rate=2: None)
    return Exchanged()


@pytest.fixture
def source() -> Source:
    return Source()


Listen = Callable[..., FanoutListener]


@pytest.fixture
def listen(exchange: Exchanged, source: Source) -> Iterator[Listen]:
    started: list[FanoutListener] = []

    def start(**options: Any) -> FanoutListener:
        listener = FanoutListener(exchange.connection, exchange.name, load=source.load, apply=source.apply, **options)
        started.append(listener)
        listener.start()
        return listener

    yield start
    for listener in started:
        listener.stop()
    for thread in threading.enumerate():
        if thread.name.startswith("listens to"):
            thread.join(5)


def until(look: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 5
    while not look():
        assert time.monotonic() < deadline, f"not within 5 s: {what}"
        time.sleep(0.005)


def test_a_change_during_the_load_is_applied_after_it(exchange: Exchanged, source: Source, listen: Listen) -> None:
    source.while_loading = lambda: exchange.publish("changed meanwhile")
    listen()
    until(lambda: source.heard == [b"changed meanwhile"], "a change between the load's look and its end")
    assert len(source.loaded) == 1


def test_each_listener_hears_every_message(exchange: Exchanged, source: Source, listen: Listen) -> None:
    listeners = [listen(), listen()]
    until(lambda: all(listener.is_synced for listener in listeners), "both in step")
    exchange.publish("news")
    until(lambda: source.heard == [b"news", b"news"], "a message for each")


def test_what_cannot_be_applied_makes_it_load_anew(exchange: Exchanged, source: Source, listen: Listen) -> None:
    listener = listen()
    until(lambda: listener.is_synced, "in step")
    source.applies = False
    exchange.publish("???")
    until(lambda: len(source.loaded) == 2, "a second load")


def test_an_error_while_applying_is_no_end_of_listening(exchange: Exchanged, source: Source, listen: Listen) -> None:
    listener = listen()
    until(lambda: listener.is_synced, "in step")
    source.heard = None  # type: ignore[assignment]
    exchange.publish("boom")
    until(lambda: len(source.loaded) == 2, "a second load")
    source.heard = []
    exchange.publish("later")
    until(lambda: source.heard == [b"later"], "later messages")


def test_it_is_out_of_step_until_the_source_can_be_loaded(source: Source, listen: Listen) -> None:
    source.fault = OSError("away")
    synced = threading.Event()
    listener = listen(on_synced=synced.set)
    time.sleep(0.1)
    assert not listener.is_synced, "an empty catalogue would decide that nothing is earned"
    source.fault = None
    assert synced.wait(5)
    assert listener.is_synced


def test_a_new_connection_is_bound_and_loaded_anew(
    source: Source, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, cut, farewells = threading.Event(), threading.Event(), list[str]()
    monkeypatch.setattr(Connection, "release", lambda self: farewells.append("release"))
    listener = listen(on_lost=lost.set)
    until(lambda: listener.is_synced, "in step")

    def heartbeat_check(self: Connection, rate: int = 2) -> None:
        if not cut.is_set():
            cut.set()
            raise ConnectionResetError("cut")

    monkeypatch.setattr(Connection, "heartbeat_check", heartbeat_check)
    assert lost.wait(5), "nobody would know that changes may be missed"
    until(lambda: listener.is_synced and len(source.loaded) == 2, "a second load")
    assert not farewells, "a broker that has fallen silent would be waited for without end"


def test_the_source_is_loaded_anew_from_time_to_time(source: Source, listen: Listen) -> None:
    listen(refresh_seconds=0.02)
    until(lambda: len(source.loaded) >= 3, "loads without any message")


def test_a_load_that_takes_long_is_no_silence(source: Source, listen: Listen) -> None:
    ends = threading.Event()
    source.while_loading = lambda: ends.wait(5) and None
    listener = listen()
    time.sleep(0.05)
    assert listener.silence_seconds == 0, "a frozen database would have every pod restarted"
    ends.set()
    until(lambda: listener.is_synced, "in step")


def test_a_queue_that_is_gone_while_its_connection_lives_on_is_made_anew(
    exchange: Exchanged, source: Source, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "_QUEUE_SECONDS", 0.05)
    lost = threading.Event()
    listener = listen(on_lost=lost.set)
    until(lambda: listener.is_synced, "in step")
    declare = Queue.queue_declare

    def first_is_gone(self: Queue, passive: bool = False, **options: Any) -> object:
        if passive and not lost.is_set():
            raise NotFound(f"no queue '{self.name}'")
        return declare(self, passive=passive, **options)

    # The in-memory broker itself makes every queue that is read from.
    monkeypatch.setattr(Queue, "queue_declare", first_is_gone)
    assert lost.wait(5), "nobody would know that changes may be missed"
    until(lambda: listener.is_synced and len(source.loaded) == 2, "a second load")
    exchange.publish("later")
    until(lambda: source.heard == [b"later"], "messages by the new queue")


def test_a_queue_that_is_there_is_kept(source: Source, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "_QUEUE_SECONDS", 0.01)
    listener = listen()
    until(lambda: listener.is_synced, "in step")
    time.sleep(0.2)
    assert listener.is_synced
    assert len(source.loaded) == 1, "it would load its source again and again"
