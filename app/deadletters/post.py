"""Publishing many messages at a time, each of them confirmed."""

import time
from collections.abc import Sequence
from typing import Any

from amqp import Message
from amqp.exceptions import AMQPError, NotFound
from kombu import Connection

from app.deadletters.publications import Publication
from app.publishing import CONFIRM_SECONDS


class Undelivered(Exception):
    """The broker is away, or did not confirm in time. What was not confirmed may have arrived all the same."""


class NoSuchQueue(Exception):
    """The queue is not there."""


class Post:
    """Publishes, and asks how queues are doing, on a connection of its own that does not confirm by itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._channel: Any = None
        self._published = 0
        self._open: set[int] = set()
        self._refused: set[int] = set()
        self._returned = 0

    def deliver(self, publications: Sequence[Publication]) -> list[bool]:
        """Publishes all and waits for their confirms; which of them the broker has taken.

        Raises ``Undelivered``; after that this post cannot be used any more.
        """
        try:
            channel = self._confirming_channel()
            first = self._published + 1
            for publication in publications:
                self._publish(channel, publication)
            self._wait()
        except (AMQPError, OSError) as error:
            self._connection.collect(socket_timeout=1)
            raise Undelivered(f"the broker has not confirmed: {error!r}") from error
        if self._returned:
            # Which of them it was is not told.
            raise Undelivered(f"{self._returned} messages found no queue")
        return [number not in self._refused for number in range(first, self._published + 1)]

    def count(self, queue: str) -> tuple[int, int]:
        """Messages that lie ready in the queue, and its consumers. Raises ``NoSuchQueue`` or ``Undelivered``."""
        try:
            with self._connection.channel() as channel:
                declared = channel.queue_declare(queue, passive=True)
        except NotFound as error:
            raise NoSuchQueue(queue) from error
        except (AMQPError, OSError) as error:
            raise Undelivered(f"the broker does not answer: {error!r}") from error
        return int(declared.message_count), int(declared.consumer_count)

    def _confirming_channel(self) -> Any:
        if self._channel is None:
            channel = self._connection.channel()
            channel.confirm_select()
            channel.events["basic_ack"].add(self._on_ack)
            channel.events["basic_nack"].add(self._on_nack)
            channel.events["basic_return"].add(self._on_return)
            self._channel = channel
        self._refused.clear()
        return self._channel

    def _publish(self, channel: Any, publication: Publication) -> None:
        message = Message(
            publication.body, application_headers=dict(publication.headers), **dict(publication.properties)
        )
        self._published += 1
        self._open.add(self._published)
        # Mandatory: a message that finds no queue is confirmed as well.
        channel.basic_publish(message, publication.exchange, publication.routing_key, mandatory=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + CONFIRM_SECONDS
        while self._open:
            self._connection.drain_events(timeout=max(0.01, deadline - time.monotonic()))

    def _on_ack(self, number: int, multiple: bool) -> None:
        self._open -= self._meant(number, multiple)

    def _on_nack(self, number: int, multiple: bool) -> None:
        meant = self._meant(number, multiple)
        self._refused |= meant
        self._open -= meant

    def _on_return(self, *_: Any) -> None:
        self._returned += 1

    def _meant(self, number: int, multiple: bool) -> set[int]:
        return {item for item in self._open if item <= number} if multiple else {number}
