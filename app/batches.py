"""Batches of messages: gathering them, saving them together, and settling them with the broker.

What must hold, whatever happens in between:

- A message is acknowledged only when what it says is saved. Saving must therefore bear repetition.
- A message that cannot be read, or whose data the store refuses, is dead-lettered by the broker, alone and at once.
- While the store is away nothing is settled and nothing is lost: the batch waits, and tries again.

Nothing here waits or knows a connection: the loop of app/batch_consumer.py calls, as often as something may have to
be done.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from prometheus_client import Counter, Histogram

logger = logging.getLogger(__name__)

FLUSH_SECONDS = Histogram("batch_flush_seconds", "Time that saving a batch took, data refused included.", ["queue"])
OUTAGES = Counter("batch_outages_total", "Attempts to save a batch that failed for the store's sake.", ["queue"])
SAVED = Counter("batch_saved_total", "Messages whose event was saved.", ["queue"])
REJECTED = Counter("batch_rejected_total", "Messages that were dead-lettered, by why.", ["queue", "reason"])
LAG_SECONDS = Histogram(
    "batch_lag_seconds",
    "Time from an event to its being saved.",
    ["queue"],
    buckets=(0.5, 1, 2, 3, 4, 5, 6, 7, 10, 15, 30, 60, 300, 1800, 7200, 86400),
)

_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 5.0
REFUSED = "refused"
"""The reason of a rejection for the store's data error. Others are ``UnreadableMessage``'s."""


class Outage(Exception):
    """The store cannot save anything now, whatever it is given. Any other error is taken to be the data's fault."""


class UnreadableMessage(Exception):
    """A message from which no event can be made. ``reason`` is one of a few words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Event(Protocol):
    @property
    def time(self) -> datetime:
        """When it happened, with its time zone."""


E = TypeVar("E", bound=Event)
Read = Callable[[Any], E]
"""Makes an event of a message (``amqp.Message``). Raises ``UnreadableMessage``."""
Save = Callable[[Sequence[E]], None]
"""Saves events, all or none. May be given the same ones again. Raises ``Outage``."""
Submit = Callable[[Callable[[], dict[int, Exception]]], "Future[dict[int, Exception]]"]


class Channel(Protocol):
    """What settling needs of ``amqp.Channel``."""

    def basic_ack(self, delivery_tag: int, multiple: bool = False) -> None: ...

    def basic_reject(self, delivery_tag: int, requeue: bool) -> None: ...


@dataclass(frozen=True)
class Limits:
    """A batch is full with ``size`` messages, and due so many seconds after its first one."""

    size: int = 50
    seconds: float = 5.0

    @property
    def prefetch(self) -> int:
        """The next batch gathers while this one is saved."""
        return 2 * self.size


def save_all(save: Save[E], events: Sequence[E]) -> dict[int, Exception]:
    """Saves what can be saved; the positions of the events that cannot, and why. Raises ``Outage``."""
    try:
        save(events)
    except Outage:
        raise
    except Exception as error:
        logger.info("a batch of %d is saved one by one: %s", len(events), _kind(error))
    else:
        return {}
    refused: dict[int, Exception] = {}
    for position, event in enumerate(events):
        try:
            save([event])
        except Outage:
            raise
        except Exception as error:
            refused[position] = error
    return refused


def acknowledgements(unsettled: Iterable[int], saved: Sequence[int]) -> list[tuple[int, bool]]:
    """The acknowledgements (tag, multiple) for ``saved``: one for all that nothing unsettled stands before."""
    open_tags = set(unsettled).difference(saved)
    boundary = min(open_tags, default=None)
    together = [tag for tag in saved if boundary is None or tag < boundary]
    acks = [(max(together), True)] if together else []
    return acks + [(tag, False) for tag in saved if tag not in together]


@dataclass(frozen=True)
class _Held(Generic[E]):
    """A message in hand: its delivery tag, its event, and when it came (monotonic seconds)."""

    tag: int
    event: E
    came: float


@dataclass
class Batches(Generic[E]):
    """The messages of one channel, from their delivery until they are settled.

    ``submit`` runs a saving elsewhere, one after the other: the loop that calls ``step`` must not be held up.
    """

    queue: str
    channel: Channel
    read: Read[E]
    save: Save[E]
    submit: Submit
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._gathered: list[_Held[E]] = []
        self._batch: list[_Held[E]] = []
        self._saving: Future[dict[int, Exception]] | None = None
        self._began = 0.0
        self._try_again = 0.0
        self._wait_seconds = _FIRST_WAIT_SECONDS
        self.is_ending = False
        """Set to have the rest saved without waiting for more, and tried once only."""

    @property
    def is_empty(self) -> bool:
        """Nothing is in hand: all that was delivered is settled."""
        return not self._gathered and not self._batch

    @property
    def is_saving(self) -> bool:
        return self._saving is not None

    def take(self, message: Any) -> None:
        """A message has been delivered."""
        tag = message.delivery_info["delivery_tag"]
        try:
            event = self.read(message)
        except UnreadableMessage as error:
            self._reject(tag, error.reason, error)
        else:
            self._gathered.append(_Held(tag, event, self.clock()))

    def step(self) -> None:
        """Does what is to be done now: begins to save a batch, or settles one that is saved. Raises ``Outage`` if the
        rest cannot be saved while it ``is_ending``."""
        if self._saving is not None and self._saving.done():
            self._end(self._saving)
        if self._saving is None and self._is_due():
            self._begin()

    def seconds_until_due(self) -> float | None:
        """How long ``step`` has nothing to do if no message comes. None: for ever."""
        if self._saving is not None:
            return None
        if self._batch:
            return max(0.0, self._try_again - self.clock())
        if not self._gathered:
            return None
        if self.is_ending or len(self._gathered) >= self.limits.size:
            return 0.0
        return max(0.0, self._gathered[0].came + self.limits.seconds - self.clock())

    def _is_due(self) -> bool:
        return self.seconds_until_due() == 0.0

    def _begin(self) -> None:
        if not self._batch:
            self._batch, self._gathered = self._gathered[: self.limits.size], self._gathered[self.limits.size :]
        events = [held.event for held in self._batch]
        self._began = self.clock()
        self._saving = self.submit(lambda: save_all(self.save, events))

    def _end(self, saving: "Future[dict[int, Exception]]") -> None:
        self._saving = None
        try:
            refused = saving.result()
        except Outage as outage:
            self._wait(outage)
            return
        FLUSH_SECONDS.labels(self.queue).observe(self.clock() - self._began)
        self._wait_seconds = _FIRST_WAIT_SECONDS
        self._settle(refused)

    def _wait(self, outage: Outage) -> None:
        OUTAGES.labels(self.queue).inc()
        if self.is_ending:
            raise outage
        if self._wait_seconds == _FIRST_WAIT_SECONDS:
            logger.warning("%d messages of %s wait: %s", len(self._batch), self.queue, outage)
        self._try_again = self.clock() + random.uniform(self._wait_seconds / 2, self._wait_seconds)
        self._wait_seconds = min(self._wait_seconds * 2, _LONGEST_WAIT_SECONDS)

    def _settle(self, refused: dict[int, Exception]) -> None:
        batch, self._batch = self._batch, []
        saved = [held for position, held in enumerate(batch) if position not in refused]
        for position, error in refused.items():
            self._reject(batch[position].tag, REFUSED, error)
        unsettled = [held.tag for held in (*saved, *self._gathered)]
        for tag, multiple in acknowledgements(unsettled, [held.tag for held in saved]):
            self.channel.basic_ack(tag, multiple)
        SAVED.labels(self.queue).inc(len(saved))
        for held in saved:
            LAG_SECONDS.labels(self.queue).observe(max(0.0, self.now() - held.event.time.timestamp()))

    def _reject(self, tag: int, reason: str, error: Exception) -> None:
        logger.error("dead-letters a message of %s: %s", self.queue, _kind(error) if reason == REFUSED else error)
        REJECTED.labels(self.queue, reason).inc()
        self.channel.basic_reject(tag, requeue=False)


def _kind(error: BaseException) -> str:
    """Of a store's error only the kind, and that of its cause: its text quotes the data."""
    return type(error).__name__ + (f" from {_kind(error.__cause__)}" if error.__cause__ else "")
