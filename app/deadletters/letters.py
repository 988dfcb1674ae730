"""What a dead message says of itself: where and why it died, and what it was for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from app import topology
from app.publishing import PUBLISHED_AT

REPLAYS = "eco2-replays"
"""The header that counts how often a letter was replayed. It survives the retries of a task and another death."""

REPLAYS_RUN = "eco2-replay-run"
"""The header that names the run which replayed a letter last."""

WORK_QUEUE = "eco2-queue"
"""The header of a letter that we have put elsewhere: the work queue that it was for, where its deaths do not tell."""

UNROUTED = "unrouted"
"""The reason of a message that found no queue. The others are RabbitMQ's own words."""

_BODY_BYTES = 64 * 1024
"""A message of ours has less than 2 KiB. What is larger is not searched for an id."""

_WORK = frozenset(queue.name for queue in topology.WORK_QUEUES)
_DIED_FOR = {topology.dead_letter_queue(name): name for name in _WORK} | {
    topology.archive_queue(name): name for name in _WORK
}


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A dead message as the broker has delivered it from ``shelf``, a dead letter queue or an archive.

    ``channel`` and ``tag`` are what it is acknowledged by. ``properties`` are AMQP's, without the headers.
    """

    shelf: str
    body: bytes
    properties: Mapping[str, Any]
    headers: Mapping[str, Any]
    routing_key: str
    channel: Any = None
    tag: int = 0

    @cached_property
    def queue(self) -> str | None:
        """The work queue that it died in or that it never reached; None when it was for none of ours."""
        if death := self._death:
            return str(death["queue"])
        return _DIED_FOR.get(self.shelf) or (self._key if self._key in _WORK else None)

    @property
    def reason(self) -> str:
        """Why it died: ``rejected``, ``expired``, ``delivery_limit``, ``maxlen`` or ``unrouted``; ``?`` if unknown."""
        if death := self._death:
            return str(death.get("reason"))
        return UNROUTED if self.shelf not in _DIED_FOR else "?"

    @property
    def died_at(self) -> datetime | None:
        """When it died. Where no death is noted, when it was sent; None if that is not known either."""
        time = (self._death or self._oldest).get("time")
        if isinstance(time, datetime):
            return time.replace(tzinfo=UTC)
        sent_at = self.headers.get(PUBLISHED_AT)
        return datetime.fromtimestamp(sent_at, UTC) if isinstance(sent_at, float) and 0 <= sent_at < 2**33 else None

    @property
    def replays(self) -> int:
        """How often the timer has given it another try."""
        count = self.headers.get(REPLAYS)
        return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0

    @property
    def task(self) -> str | None:
        """The task that it asks for, or the type of the event that it is."""
        name = self.headers.get("task") or (self.document.get("type") if isinstance(self.document, dict) else None)
        return name if isinstance(name, str) else None

    @cached_property
    def task_id(self) -> str | None:
        """The scan that it is about, by its body or, where that cannot be read, its headers."""
        candidates = (
            *_ids_in(self.document),
            *(self.headers.get(name) for name in ("root_id", "id")),
            *(self.properties.get(name) for name in ("correlation_id", "message_id")),
        )
        return next((found for found in candidates if _is_uuid(found)), None)

    @cached_property
    def document(self) -> Any:
        """The body as JSON; None when it is none, or too large to be one of ours."""
        if len(self.body) > _BODY_BYTES:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @cached_property
    def _deaths(self) -> list[Mapping[str, Any]]:
        """Its deaths, the latest one first. Those in retry queues are how a message comes back."""
        deaths = self.headers.get("x-death")
        return [death for death in deaths if isinstance(death, dict)] if isinstance(deaths, list) else []

    @cached_property
    def _death(self) -> Mapping[str, Any]:
        return next((death for death in self._deaths if death.get("queue") in _WORK), {})

    @property
    def _oldest(self) -> Mapping[str, Any]:
        return self._deaths[-1] if self._deaths else {}

    @property
    def _key(self) -> str:
        """The key that it was published with, before the broker or we moved it on."""
        keys = self._oldest.get("routing-keys")
        return str(keys[0]) if isinstance(keys, list) and keys else str(self.headers.get(WORK_QUEUE, self.routing_key))


def _ids_in(document: Any) -> tuple[Any, ...]:
    """Where the bodies of ours have the scan's id: a task's argument, an order of a reward, an event."""
    match document:
        case [[dict() as order, *_], *_]:
            return (order.get("task_id"),)
        case [[argument, *_], *_]:
            return (argument,)
        case {"data": {"task_id": task_id}}:
            return (task_id,)
    return ()


def _is_uuid(text: Any) -> bool:
    try:
        return isinstance(text, str) and str(UUID(text)) == text
    except ValueError:
        return False
