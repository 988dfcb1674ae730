"""The message topology: every exchange, queue, binding, TTL, delivery limit and dead-letter route, once.

Standard library only, because two sides are computed from it: Celery's configuration (app/celery_app.py) and the
Topology Operator's custom resources (infra/topology.py). No other file types a queue's name.

What must hold:

- A queue's arguments can never change while it lives, so a queue carries nothing but its type. What may have to change
  (TTL, delivery limit, dead-letter route, length) stands in one broker policy per queue.
- RabbitMQ applies one policy to a queue, the one with the highest priority whose pattern matches. Patterns are
  therefore anchored and escaped: an open ``scan.vision`` would also take ``dlq.scan.vision``.
- Dead-lettering loses messages at a broker's death unless its strategy is ``at-least-once``, which quorum queues offer
  together with ``overflow: reject-publish`` (https://www.rabbitmq.com/docs/quorum-queues#dead-lettering).
"""

import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

VHOST = "eco2"

UNLIMITED_DELIVERIES = -1
"""For queues that people look into: each look is a delivery, and none of them may use the message up."""

WORK_DELIVERY_LIMIT = 10
"""High, because the crash of a worker that holds 500 messages counts once against each of them."""

MIB = 1024 * 1024


class ExchangeType(StrEnum):
    DIRECT = "direct"
    FANOUT = "fanout"


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A durable exchange. ``alternate`` names the exchange that takes what no binding of this one wants."""

    name: str
    type: ExchangeType
    alternate: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeadLetters:
    """Where a queue's dead messages go. Without ``routing_key`` they keep the key that they were published with."""

    exchange: str
    routing_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A durable quorum queue with the limits that its policy sets.

    ``message_ttl`` counts from the arrival in this queue. ``max_length_bytes`` bounds the disk that the queue takes;
    above it publishers get a negative confirm and nothing is dropped, unless the queue ``drops_oldest``.
    """

    name: str
    message_ttl: timedelta | None = None
    delivery_limit: int | None = WORK_DELIVERY_LIMIT
    dead_letters: DeadLetters | None = None
    max_length_bytes: int | None = None
    drops_oldest: bool = False
    """For copies, whose originals are kept elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Binding:
    exchange: str
    queue: str
    routing_key: str = ""


class ApplyTo(StrEnum):
    """The values of a policy's ``applyTo`` that this topology uses."""

    QUORUM_QUEUES = "quorum_queues"
    EXCHANGES = "exchanges"


PolicyValue = str | int


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A broker policy. ``definition`` has RabbitMQ's own keys; TTLs are milliseconds, lengths are bytes."""

    name: str
    pattern: str
    apply_to: ApplyTo
    definition: dict[str, PolicyValue]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A Celery task and the queue that it runs on. Its retries go through ``ladder``, in this order."""

    name: str
    exchange: str
    queue: str
    ladder: tuple["RetryDelay", ...]


@dataclass(frozen=True, kw_only=True)
class RetryDelay:
    """One rung of back-off: a fanout exchange and a queue of the same name, whose TTL is the delay.

    The queue dead-letters to the default exchange and keeps the routing key, so that the message lands in the
    queue that it came from.
    """

    delay: timedelta

    @property
    def name(self) -> str:
        return f"retry.{int(self.delay.total_seconds())}s"


DEFAULT_EXCHANGE = ""
SCAN = Exchange(name="scan.direct", type=ExchangeType.DIRECT, alternate="unrouted")
REWARD = Exchange(name="reward.direct", type=ExchangeType.DIRECT, alternate="unrouted")
CHARACTER = Exchange(name="character.direct", type=ExchangeType.DIRECT, alternate="unrouted")
CELERY = Exchange(name="celery", type=ExchangeType.DIRECT, alternate="unrouted")
DLX = Exchange(name="dlx", type=ExchangeType.DIRECT, alternate="unrouted")
REWARD_EVENTS = Exchange(name="reward.events", type=ExchangeType.FANOUT, alternate="unrouted")
CHARACTER_CACHE = Exchange(name="character.cache", type=ExchangeType.FANOUT)
AUTHZ_FANOUT = Exchange(name="authz.fanout", type=ExchangeType.FANOUT)
UNROUTED = Exchange(name="unrouted", type=ExchangeType.FANOUT)

SCAN_LADDER = tuple(RetryDelay(delay=timedelta(seconds=s)) for s in (1, 2, 4))
REWARD_LADDER = tuple(RetryDelay(delay=timedelta(seconds=s)) for s in (10, 60, 300))

VISION = Task(name="scan.vision", exchange=SCAN.name, queue="scan.vision", ladder=SCAN_LADDER)
RULE = Task(name="scan.rule", exchange=SCAN.name, queue="scan.rule", ladder=SCAN_LADDER)
ANSWER = Task(name="scan.answer", exchange=SCAN.name, queue="scan.answer", ladder=SCAN_LADDER)
REWARD_TASK = Task(name="scan.reward", exchange=REWARD.name, queue="scan.reward", ladder=REWARD_LADDER)

SCAN_TASKS = (VISION, RULE, ANSWER)
TASKS = (*SCAN_TASKS, REWARD_TASK)

DEFAULT_QUEUE = "celery"
SAVE_OWNERSHIP = "character.save_ownership"
SAVE_CHARACTER = "users.save_character"
UNROUTED_QUEUE = "dlq.unrouted"
DEAD_SCANS = "scan.dead"
"""Copies of the scans' dead letters, by which their scans are failed at once (app/api/dead_letters.py). The originals
wait for people in their dead-letter queues."""

_LADDERS = (*SCAN_LADDER, *REWARD_LADDER)
_SCAN_TTL = timedelta(hours=1)
"""A photo lives 3,600 s in Redis; a message that outlives it could only fail."""
_REWARD_TTL = timedelta(hours=24)
_DEAD_TTL = timedelta(days=7)
_ARCHIVE_TTL = timedelta(days=30)
_WORK_BYTES = 256 * MIB
_DEAD_BYTES = 512 * MIB
_RETRY_BYTES = 128 * MIB


def dead_letter_queue(queue: str) -> str:
    return f"dlq.{queue}"


def archive_queue(queue: str) -> str:
    return f"archive.{queue}"


def _work_queue(name: str, ttl: timedelta | None) -> Queue:
    return Queue(
        name=name,
        message_ttl=ttl,
        dead_letters=DeadLetters(exchange=DLX.name, routing_key=dead_letter_queue(name)),
        max_length_bytes=_WORK_BYTES,
    )


def _dead_letter_queue(name: str) -> Queue:
    return Queue(
        name=dead_letter_queue(name),
        message_ttl=_DEAD_TTL,
        delivery_limit=UNLIMITED_DELIVERIES,
        dead_letters=DeadLetters(exchange=DLX.name, routing_key=archive_queue(name)),
        max_length_bytes=_DEAD_BYTES,
    )


def _archive(name: str) -> Queue:
    """The end of the line: what lies here for 30 days is deleted, and that is documented."""
    return Queue(name=archive_queue(name), message_ttl=_ARCHIVE_TTL, delivery_limit=UNLIMITED_DELIVERIES)


def _retry_queue(rung: RetryDelay) -> Queue:
    return Queue(
        name=rung.name,
        message_ttl=rung.delay,
        delivery_limit=None,
        dead_letters=DeadLetters(exchange=DEFAULT_EXCHANGE),
        max_length_bytes=_RETRY_BYTES,
    )


WORK_QUEUES = (
    _work_queue(DEFAULT_QUEUE, None),
    *(_work_queue(task.queue, _SCAN_TTL) for task in SCAN_TASKS),
    _work_queue(REWARD_TASK.queue, _REWARD_TTL),
    _work_queue(SAVE_OWNERSHIP, _REWARD_TTL),
    _work_queue(SAVE_CHARACTER, _REWARD_TTL),
)
RETRY_QUEUES = tuple(_retry_queue(rung) for rung in _LADDERS)
_DEAD_SOURCES = (*(queue.name for queue in WORK_QUEUES), "unrouted")
DEAD_LETTER_QUEUES = tuple(_dead_letter_queue(name) for name in _DEAD_SOURCES)
ARCHIVES = tuple(_archive(name) for name in _DEAD_SOURCES)

_DEAD_SCANS_QUEUE = Queue(
    name=DEAD_SCANS,
    message_ttl=_SCAN_TTL,
    # A full or refusing queue of copies would hold up the dead letters themselves.
    max_length_bytes=_WORK_BYTES,
    drops_oldest=True,
)

QUEUES = (*WORK_QUEUES, *RETRY_QUEUES, *DEAD_LETTER_QUEUES, *ARCHIVES, _DEAD_SCANS_QUEUE)

EXCHANGES = (
    SCAN,
    REWARD,
    CHARACTER,
    CELERY,
    DLX,
    *(Exchange(name=rung.name, type=ExchangeType.FANOUT, alternate=UNROUTED.name) for rung in _LADDERS),
    REWARD_EVENTS,
    CHARACTER_CACHE,
    AUTHZ_FANOUT,
    UNROUTED,
)

BINDINGS = (
    Binding(exchange=CELERY.name, queue=DEFAULT_QUEUE, routing_key=DEFAULT_QUEUE),
    *(Binding(exchange=task.exchange, queue=task.queue, routing_key=task.queue) for task in TASKS),
    *(Binding(exchange=REWARD_EVENTS.name, queue=queue) for queue in (SAVE_OWNERSHIP, SAVE_CHARACTER)),
    # A direct way in as well, so that the dead letters of one can be replayed without the other's getting a copy.
    *(Binding(exchange=CHARACTER.name, queue=queue, routing_key=queue) for queue in (SAVE_OWNERSHIP, SAVE_CHARACTER)),
    *(Binding(exchange=rung.name, queue=rung.name) for rung in _LADDERS),
    *(
        Binding(exchange=DLX.name, queue=queue.name, routing_key=queue.name)
        for queue in (*DEAD_LETTER_QUEUES, *ARCHIVES)
    ),
    Binding(exchange=UNROUTED.name, queue=UNROUTED_QUEUE),
    *(Binding(exchange=DLX.name, queue=DEAD_SCANS, routing_key=dead_letter_queue(task.queue)) for task in SCAN_TASKS),
    Binding(exchange=UNROUTED.name, queue=DEAD_SCANS),
)


def _definition(queue: Queue) -> dict[str, PolicyValue]:
    definition: dict[str, PolicyValue] = {}
    if queue.delivery_limit is not None:
        definition["delivery-limit"] = queue.delivery_limit
    if queue.message_ttl is not None:
        definition["message-ttl"] = int(queue.message_ttl / timedelta(milliseconds=1))
    if queue.max_length_bytes is not None:
        overflow = "drop-head" if queue.drops_oldest else "reject-publish"
        definition |= {"max-length-bytes": queue.max_length_bytes, "overflow": overflow}
    if queue.dead_letters is not None:
        definition |= {
            "dead-letter-exchange": queue.dead_letters.exchange,
            "dead-letter-strategy": "at-least-once",
        }
        if queue.dead_letters.routing_key is not None:
            definition["dead-letter-routing-key"] = queue.dead_letters.routing_key
    return definition


def _exactly(name: str) -> str:
    return f"^{re.escape(name)}$"


POLICIES = (
    *(
        Policy(
            name=queue.name,
            pattern=_exactly(queue.name),
            apply_to=ApplyTo.QUORUM_QUEUES,
            definition=_definition(queue),
        )
        for queue in QUEUES
    ),
    *(
        Policy(
            # Policies of queues and of exchanges share their names' space; a retry exchange is named like its queue.
            name=f"alternate.{exchange.name}",
            pattern=_exactly(exchange.name),
            apply_to=ApplyTo.EXCHANGES,
            definition={"alternate-exchange": exchange.alternate},
        )
        for exchange in EXCHANGES
        if exchange.alternate is not None
    ),
)


NOTHING = "^$"
"""The permission that grants nothing. An empty pattern would be the same to RabbitMQ, this one says so."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """What one service may touch on the broker; its RabbitMQ user is named like the service.

    ``publishes`` are exchanges, ``consumes`` are queues. Each process of a service that ``listens`` to fanout exchanges
    declares an anonymous exclusive queue for each of them, and nothing else: Celery's remote control, which would
    declare more, is switched off (app/celery_app.py).
    """

    name: str
    namespace: str
    publishes: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    listens: tuple[str, ...] = ()

    @property
    def configure(self) -> str:
        return any_of((), self._anonymous)

    @property
    def write(self) -> str:
        # To bind a queue takes the right to write to it, and to read from the exchange.
        return any_of(self.publishes, self._anonymous)

    @property
    def read(self) -> str:
        return any_of((*self.consumes, *self.listens), self._anonymous)

    @property
    def _anonymous(self) -> tuple[str, ...]:
        """Patterns of the queues that it declares."""
        return tuple(re.escape(f"{exchange}.") + _UNIQUE for exchange in self.listens)


_UNIQUE = "[0-9a-f-]{36}"


def anonymous_queue(exchange: str) -> str:
    """A new name for the queue by which one process listens to a fanout exchange."""
    return f"{exchange}.{uuid.uuid4()}"


def any_of(names: tuple[str, ...], patterns: tuple[str, ...] = ()) -> str:
    """A pattern for exactly these names, and for what one of ``patterns`` is a pattern for."""
    alternatives = (*map(re.escape, names), *patterns)
    return f"^({'|'.join(alternatives)})$" if alternatives else NOTHING


SERVICES = (
    Service(name="scan-api", namespace="scan", publishes=(SCAN.name,), consumes=(DEAD_SCANS,)),
    Service(
        name="scan-worker",
        namespace="scan",
        publishes=(SCAN.name, REWARD.name, *(rung.name for rung in SCAN_LADDER)),
        consumes=tuple(task.queue for task in SCAN_TASKS),
    ),
    Service(
        name="reward-worker",
        namespace="scan",
        # What people and the timer put back or away goes through it as well (app/deadletters).
        publishes=(
            REWARD_EVENTS.name,
            *(rung.name for rung in REWARD_LADDER),
            SCAN.name,
            REWARD.name,
            CHARACTER.name,
            CELERY.name,
            DLX.name,
        ),
        consumes=(
            REWARD_TASK.queue,
            DEFAULT_QUEUE,
            *(queue.name for queue in DEAD_LETTER_QUEUES),
            *(queue.name for queue in ARCHIVES),
        ),
    ),
    Service(name="celery-beat", namespace="scan", publishes=(CELERY.name,)),
    Service(
        name="character",
        namespace="character",
        publishes=(CHARACTER_CACHE.name,),
        listens=(CHARACTER_CACHE.name,),
    ),
    Service(name="character-worker", namespace="character", consumes=(SAVE_OWNERSHIP,)),
    Service(name="users-worker", namespace="character", consumes=(SAVE_CHARACTER,)),
    Service(name="authz", namespace="auth", publishes=(AUTHZ_FANOUT.name,), listens=(AUTHZ_FANOUT.name,)),
)
"""The services that exist. Each brings its user along, so that nobody holds a right that nobody uses."""
