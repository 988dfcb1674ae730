"""The connections that dead letters are looked at and moved by."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import TypeVar

from amqp.exceptions import AMQPError
from kombu import Connection
from kombu.exceptions import OperationalError

from app.broker import broker_connection, opened
from app.deadletters.letters import Letter
from app.deadletters.post import Post, Undelivered
from app.deadletters.publications import Publication
from app.deadletters.walks import Walk
from app.settings import BrokerSettings

T = TypeVar("T")


class Office:
    """Looks at shelves and moves letters between queues. All raise ``Undelivered`` when the broker is away."""

    def __init__(self, reading: Connection, post: Post) -> None:
        self._reading = reading
        self._post = post

    @contextmanager
    def walk(self, shelf: str) -> Iterator[Walk]:
        """A walk over what lies on the shelf now. Raises ``NoSuchQueue``."""
        length, _ = self._post.count(shelf)
        try:
            with Walk(self._reading, shelf, length=length) as walk:
                yield walk
        except (AMQPError, OSError) as error:
            raise Undelivered(f"the broker is gone: {error!r}") from error

    def count(self, queue: str) -> tuple[int, int]:
        """Messages that lie ready in the queue, and its consumers. Raises ``NoSuchQueue``."""
        return self._post.count(queue)

    def move(self, walk: Walk, moves: Sequence[tuple[Letter, Publication]]) -> list[Letter]:
        """Publishes each letter's publication and takes those letters off the shelf that the broker has confirmed.

        Returns the others, which their queue had no room for: they stay where they are.
        """
        taken = self._post.deliver([publication for _, publication in moves])
        answers = [(letter, is_taken) for (letter, _), is_taken in zip(moves, taken, strict=True)]
        walk.settle([letter for letter, is_taken in answers if is_taken])
        return [letter for letter, is_taken in answers if not is_taken]


@contextmanager
def open_office(settings: BrokerSettings) -> Iterator[Office]:
    """Connects to the broker. Raises ``Undelivered`` when it is away."""
    connection = broker_connection(settings, heartbeat_seconds=0, awaits_confirms=False)
    with ExitStack() as connections:
        try:
            reading, publishing = (connections.enter_context(opened(connection)) for _ in range(2))
        except (OperationalError, AMQPError, OSError) as error:
            raise Undelivered(f"the broker is away: {error!r}") from error
        yield Office(reading, Post(publishing))


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of this size, of which the last one may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
