"""Fails scans whose message has died: no scan stays under way for ever, whatever becomes of its message.

The broker puts a copy of each of the scans' dead letters into a queue of its own. Their originals wait for people.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kombu import Connection, Consumer, Queue
from kombu.message import Message
from kombu.mixins import ConsumerMixin
from redis.exceptions import RedisError

from app import topology
from app.api.metrics import DEAD_LETTERS
from app.state.reasons import Reason
from app.state.record import Step
from app.state.scans import Rest

logger = logging.getLogger(__name__)

_PREFETCH = 100
_LOOK_AGAIN_SECONDS = 1.0
_RESTART_SECONDS = 5.0
_RECONNECT_SECONDS = 4
_BODY_BYTES = 64 * 1024
"""A task's message has some 500 bytes. In what is larger no scan's id is looked for."""

_STEPS = {
    topology.VISION.queue: Step.SCAN,
    topology.RULE.queue: Step.ANALYZE,
    topology.ANSWER.queue: Step.ANSWER,
}
"""The step that a queue's messages ask for."""


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """What a dead message was for, and why it died (RabbitMQ's word for it, or ``unrouted``)."""

    task_id: str
    step: Step
    cause: str

    @property
    def reason(self) -> Reason:
        return Reason.WAITED_TOO_LONG if self.cause == "expired" else Reason.UNDELIVERABLE


LayToRest = Callable[[DeadLetter], Rest]
"""Fails the scan, if nothing else carries it on. Raises ``redis.RedisError``."""


def read_dead_letter(
    *, exchange: str, routing_key: str, headers: Mapping[str, Any], correlation_id: str | None, body: bytes
) -> DeadLetter | None:
    """Reads a copy as the broker has delivered it; None if it names no scan, or is for no step of one."""
    queue, cause = _death(exchange, routing_key, headers)
    task_id = _scan_id(headers, correlation_id, body)
    if task_id is None or queue not in _STEPS:
        return None
    return DeadLetter(task_id=task_id, step=_STEPS[queue], cause=cause)


def _death(exchange: str, routing_key: str, headers: Mapping[str, Any]) -> tuple[str, str]:
    """The queue in which the message died, or that it never reached, and the cause."""
    if exchange != topology.DLX.name:
        return routing_key, "unrouted"
    deaths = headers.get("x-death")
    # The latest death stands first. Earlier ones are of the retries: there it is how a message comes back.
    latest = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    return str(latest.get("queue")), str(latest.get("reason"))


def _scan_id(headers: Mapping[str, Any], correlation_id: str | None, body: bytes) -> str | None:
    """The task's argument, or where the body cannot be read what its headers say: the chain's root is the scan."""
    for candidate in (_first_argument(body), headers.get("root_id"), headers.get("id"), correlation_id):
        if isinstance(candidate, str) and _is_uuid(candidate):
            return candidate
    return None


def _first_argument(body: bytes) -> Any:
    if len(body) > _BODY_BYTES:
        return None
    try:
        return json.loads(body)[0][0]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


class DeadLetters(ConsumerMixin):
    """Consumes the copies in a thread of its own. ``connection`` is its alone."""

    def __init__(self, connection: Connection, lay_to_rest: LayToRest) -> None:
        self.connection = connection
        self._lay_to_rest = lay_to_rest
        self._waiting: list[tuple[float, Message, DeadLetter]] = []
        """Letters to be looked at again, with the time for it (monotonic seconds). Unacknowledged meanwhile."""

    def start(self) -> None:
        threading.Thread(target=self._run_for_ever, name="dead-letters", daemon=True).start()

    def stop(self) -> None:
        """Ends the thread within a second. What it holds goes back to the broker."""
        self.should_stop = True

    def _run_for_ever(self) -> None:
        while not self.should_stop:
            try:
                self.run()
            except Exception as error:
                # For example a right or a queue that is not there yet.
                logger.warning("dead letters wait: %r", error)
                time.sleep(_RESTART_SECONDS)

    def get_consumers(self, Consumer: type[Consumer], channel: Any) -> list[Consumer]:
        self._waiting.clear()
        queue = Queue(topology.DEAD_SCANS, no_declare=True)
        return [
            Consumer([queue], on_message=self._on_message, auto_declare=False, prefetch_count=_PREFETCH),
        ]

    @contextmanager
    def establish_connection(self) -> Iterator[Connection]:
        with self.connection.clone() as connection:
            connection.ensure_connection(
                self.on_connection_error, interval_start=1, interval_step=1, interval_max=_RECONNECT_SECONDS
            )
            yield connection

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        logger.debug("dead letters wait: %r", exc)

    def on_iteration(self) -> None:
        now = time.monotonic()
        due = [entry for entry in self._waiting if entry[0] <= now]
        self._waiting = [entry for entry in self._waiting if entry[0] > now]
        for _, message, letter in due:
            self._settle(message, letter)

    def _on_message(self, message: Message) -> None:
        letter = read_dead_letter(
            exchange=message.delivery_info["exchange"],
            routing_key=message.delivery_info["routing_key"],
            headers=message.headers or {},
            correlation_id=message.properties.get("correlation_id"),
            body=_bytes(message.body),
        )
        if letter is None:
            logger.warning("a dead letter names no scan")
            DEAD_LETTERS.labels("nameless").inc()
            message.ack()
        else:
            self._settle(message, letter)

    def _settle(self, message: Message, letter: DeadLetter) -> None:
        try:
            rest = self._lay_to_rest(letter)
        except (RedisError, TimeoutError) as error:
            logger.debug("a dead letter waits: %r", error)
            rest = Rest.BUSY
        if rest is Rest.BUSY:
            self._waiting.append((time.monotonic() + _LOOK_AGAIN_SECONDS, message, letter))
            return
        DEAD_LETTERS.labels(rest).inc()
        if rest is Rest.FAILED:
            logger.error("scan %s has failed: its message for %s died: %s", letter.task_id, letter.step, letter.cause)
        message.ack()


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else str(body).encode()
