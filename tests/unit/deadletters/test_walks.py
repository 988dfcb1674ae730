"""Going over a queue, with a connection that plays the broker."""

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from app import topology
from app.deadletters.walks import Walk

QUEUE = topology.UNROUTED_QUEUE


class Message:
    def __init__(self, number: int) -> None:
        self.body = str(number).encode()
        self.properties = {"application_headers": {"text": "a", "bytes": memoryview(b"\xff")}}
        self.delivery_info = {"routing_key": QUEUE, "delivery_tag": number}


class Channel:
    connection = True

    def __init__(self, broker: "Broker") -> None:
        self.broker = broker
        self.held = 0

    def basic_qos(self, size: int, count: int, for_all: bool) -> None:
        self.window = count

    def basic_consume(self, queue: str, callback: Callable[[Message], None]) -> None:
        self.callback = callback

    def basic_ack(self, tag: int) -> None:
        self.broker.acknowledged.append(tag)
        self.held -= 1

    def close(self) -> None:
        self.broker.closed += 1
        if self.broker.ready:
            self.callback(Message(self.broker.ready.popleft()))


class Broker:
    """A queue of numbered messages, of which each consumer gets no more than its window at a time."""

    def __init__(self, messages: int) -> None:
        self.ready = deque(range(1, messages + 1))
        self.channels: list[Channel] = []
        self.acknowledged: list[int] = []
        self.closed = 0

    def channel(self) -> Channel:
        self.channels.append(Channel(self))
        return self.channels[-1]

    def drain_events(self, timeout: float) -> None:
        for channel in self.channels:
            if self.ready and channel.held < channel.window:
                channel.held += 1
                channel.callback(Message(self.ready.popleft()))
                return
        raise TimeoutError


def walk(broker: Any, length: int) -> Walk:
    return Walk(broker, QUEUE, length=length, window=10)


def test_each_message_is_seen_once_and_in_order() -> None:
    broker = Broker(35)
    with walk(broker, 35) as going:
        assert [int(letter.body) for letter in going] == list(range(1, 36))
    assert not broker.acknowledged
    assert len(broker.channels) == 4, "a consumer's window was full, and nothing came any more"
    assert broker.closed == 4


def test_settled_letters_make_room() -> None:
    broker = Broker(35)
    with walk(broker, 35) as going:
        for letter in going:
            going.settle([letter])
    assert broker.acknowledged == list(range(1, 36))
    assert len(broker.channels) == 1


def test_what_comes_after_the_walk_has_begun_is_not_seen() -> None:
    with walk(Broker(20), 5) as going:
        assert len(list(going)) == 5, "letters that were put back and died again would be met again"


def test_a_walk_ends_when_somebody_else_holds_the_rest() -> None:
    with walk(Broker(3), 8) as going:
        assert len(list(going)) == 3


def test_an_empty_queue_is_not_even_asked() -> None:
    broker = Broker(0)
    with walk(broker, 0) as going:
        assert not list(going)
    assert not broker.channels


def test_bytes_in_headers_can_be_sent_again() -> None:
    with walk(Broker(1), 1) as going:
        [letter] = going
    assert letter.headers == {"text": "a", "bytes": b"\xff"}


def test_a_block_that_fails_gives_all_back() -> None:
    broker = Broker(3)

    def fail() -> None:
        with walk(broker, 3) as going:
            next(iter(going))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert broker.closed == 1
    assert not broker.acknowledged
