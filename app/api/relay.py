"""From the outbox to the broker. Clients never wait for the broker: they are answered when their scan is in the outbox.

Each process is a consumer of one group on the outbox' stream. An entry is acknowledged and deleted after the broker's
confirm; what a dead process had taken is claimed by another one. So a scan is published at least once, oldest first.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from app.publishing import FAILURES
from app.state.record import OUTBOX, OUTBOX_FIELD, TRACE_LINK_FIELD, TRACE_PARENT_FIELD
from app.tracing import names
from app.tracing.spans import Span, span

logger = logging.getLogger(__name__)

_GROUP = "relay"
_BATCH = 32
_BLOCK_MS = 5000
_CLAIM_SECONDS = 5
_LAST_BATCH_SECONDS = 5
_DEAD_MS = 20_000
"""An entry that nobody has touched for so long belongs to a dead process: a live one tries again every few seconds."""

_FORGOTTEN_MS = 3_600_000
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0

Entry = tuple[bytes, dict[bytes, bytes]]
Publish = Callable[[str], object]
"""Hands a scan to the broker and returns when it has confirmed. Raises one of ``app.publishing.FAILURES``."""


class Relay:
    """Runs in an API process. ``name`` must be the process' own, and ``redis`` a client that may wait."""

    def __init__(self, redis: Redis, publish: Publish, *, name: str, threads: int) -> None:
        self._redis = redis
        self._publish = publish
        self._name = name
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="relay")
        self._has_own = True
        self._next_claim = 0.0

    async def run(self) -> None:
        """Relays for ever. While Redis or the broker is away it tries again every few seconds."""
        wait = _FIRST_WAIT_SECONDS
        while True:
            try:
                await self._join()
                while await self._relay():
                    wait = _FIRST_WAIT_SECONDS
                logger.warning("scans wait in the outbox: the broker takes no message")
            except RedisError as error:
                logger.warning("scans wait in the outbox: Redis: %r", error)
            self._has_own = True
            await asyncio.sleep(random.uniform(wait / 2, wait))
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _join(self) -> None:
        """Makes the group if there is none: at the first start, or after Redis has lost its data."""
        try:
            await self._redis.xgroup_create(OUTBOX, _GROUP, id="0", mkstream=True)
        except OutOfMemoryError:
            logger.warning("Redis is full: that it has the relays' group is taken for granted")
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _relay(self) -> bool:
        """Publishes some entries. False if one of them could not be published; they stay this process' own."""
        await self._take_over_from_the_dead()
        entries = await self._read("0") if self._has_own else []
        if not entries:
            self._has_own = False
            entries = await self._read(">", block_ms=_BLOCK_MS)
        batch = asyncio.ensure_future(self._hand_all_over(entries))
        try:
            return await asyncio.shield(batch)
        except asyncio.CancelledError:
            # Left half done, the entries would wait until another process takes them over.
            await asyncio.wait({batch}, timeout=_LAST_BATCH_SECONDS)
            raise

    async def _hand_all_over(self, entries: list[Entry]) -> bool:
        """Not all are tried: what one failure says of the broker, each of the others would find out in up to 14 s."""
        is_refused = threading.Event()
        loop = asyncio.get_running_loop()
        are_out = await asyncio.gather(
            *(loop.run_in_executor(self._threads, self._hand_over, fields, is_refused) for _, fields in entries)
        )
        if done := [number for (number, _), is_out in zip(entries, are_out, strict=True) if is_out]:
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.xack(OUTBOX, _GROUP, *done)
            pipeline.xdel(OUTBOX, *done)
            await pipeline.execute()
        return all(are_out)

    async def _read(self, start: str, block_ms: int | None = None) -> list[Entry]:
        """This process' own entries again (``0``), or new ones (``>``)."""
        answer: Any = await self._redis.xreadgroup(_GROUP, self._name, {OUTBOX: start}, count=_BATCH, block=block_ms)
        return [entry for _, entries in answer for entry in entries]

    def _hand_over(self, fields: dict[bytes, bytes], is_refused: threading.Event) -> bool:
        # An entry that was deleted, but not acknowledged, comes back without fields.
        if not fields:
            return True
        if is_refused.is_set():
            return False
        task_id = fields[OUTBOX_FIELD.encode()].decode()
        try:
            with _span(task_id, fields) as traced:
                self._publish(task_id)
                traced.ends("published")
        except FAILURES as error:
            logger.debug("%s could not be published: %r", task_id, error)
            is_refused.set()
            return False
        return True

    async def _take_over_from_the_dead(self) -> None:
        if time.monotonic() < self._next_claim:
            return
        self._next_claim = time.monotonic() + _CLAIM_SECONDS
        _, entries, _ = await self._redis.xautoclaim(OUTBOX, _GROUP, self._name, _DEAD_MS, count=_BATCH)
        if entries:
            logger.info("takes %d scans over from a relay that is gone", len(entries))
            self._has_own = True
        for consumer in await self._redis.xinfo_consumers(OUTBOX, _GROUP):
            if not consumer["pending"] and consumer["idle"] > _FORGOTTEN_MS:
                await self._redis.xgroup_delconsumer(OUTBOX, _GROUP, consumer["name"])


def _span(task_id: str, fields: dict[bytes, bytes]) -> Span:
    parent, link = (fields.get(field.encode(), b"").decode() for field in (TRACE_PARENT_FIELD, TRACE_LINK_FIELD))
    return span("relay", attributes={names.TASK_ID: task_id}, parent=parent, links=(link,))
