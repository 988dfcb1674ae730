"""Publishing with confirms, with a connection that plays the broker."""

from collections import defaultdict
from typing import Any

import pytest
from amqp.exceptions import NotFound

from app.deadletters.post import NoSuchQueue, Post, Undelivered
from app.deadletters.publications import Publication

ITEM = Publication(exchange="x", routing_key="k", body=b"b", properties={"priority": 1}, headers={"h": 1})


class Channel:
    def __init__(self) -> None:
        self.events: Any = defaultdict(set)
        self.published: list[Any] = []
        self.mandatory: list[bool] = []

    def confirm_select(self) -> None: ...

    def basic_publish(self, message: Any, exchange: str, key: str, *, mandatory: bool) -> None:
        self.published.append(message)
        self.mandatory.append(mandatory)

    def tell(self, event: str, *words: Any) -> None:
        for callback in self.events[event]:
            callback(*words)


class Connection:
    """``answers`` are events that come one at a time; after them nothing comes any more."""

    def __init__(self, *answers: tuple[Any, ...]) -> None:
        self.the_channel = Channel()
        self.answers = list(answers)
        self.is_thrown_away = False

    def channel(self) -> Channel:
        return self.the_channel

    def drain_events(self, timeout: float) -> None:
        if not self.answers:
            raise TimeoutError
        self.the_channel.tell(*self.answers.pop(0))

    def collect(self, socket_timeout: float) -> None:
        self.is_thrown_away = True


def post(connection: Any) -> Post:
    return Post(connection)


def test_confirms_may_come_together_and_in_any_order() -> None:
    connection = Connection(("basic_ack", 3, False), ("basic_ack", 2, True))
    assert post(connection).deliver([ITEM] * 3) == [True] * 3
    assert connection.the_channel.mandatory == [True] * 3, "what finds no queue would be confirmed and lost"


def test_a_refused_message_is_told_from_those_taken() -> None:
    connection = Connection(("basic_ack", 1, False), ("basic_nack", 2, False), ("basic_ack", 3, False))
    assert post(connection).deliver([ITEM] * 3) == [True, False, True]


def test_numbers_go_on_from_one_delivery_to_the_next() -> None:
    connection = Connection(("basic_nack", 1, False), ("basic_ack", 2, False))
    both = post(connection)
    assert both.deliver([ITEM]) == [False]
    assert both.deliver([ITEM]) == [True]


def test_a_message_without_a_queue_counts_as_undelivered() -> None:
    connection = Connection(("basic_return", None, "x", "k", None), ("basic_ack", 1, False))
    with pytest.raises(Undelivered, match="no queue"):
        post(connection).deliver([ITEM])


def test_a_broker_that_does_not_confirm_is_given_up() -> None:
    connection = Connection(("basic_ack", 1, False))
    with pytest.raises(Undelivered):
        post(connection).deliver([ITEM, ITEM])
    assert connection.is_thrown_away, "a confirm that comes late would be taken for the next message's"


def test_a_queue_that_is_missing_is_told_from_a_broker_that_is_away() -> None:
    class Missing(Connection):
        def channel(self) -> Any:
            raise NotFound

    class Away(Connection):
        def channel(self) -> Any:
            raise ConnectionResetError

    with pytest.raises(NoSuchQueue):
        post(Missing()).count("q")
    with pytest.raises(Undelivered):
        post(Away()).count("q")
