"""Changes of scans, passed on from Redis to the event streams of this process over one subscription."""

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.state.record import CHANGES_CHANNEL, FINAL, Status

logger = logging.getLogger(__name__)

_QUEUED_CHANGES = 32
"""A scan makes 8. A stream that is further behind has a reader that does not read."""

_LONGEST_WAIT_SECONDS = 5.0


class TooManyStreams(Exception):
    """This process has as many event streams as it may have."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a scan; ``document`` is its status as JSON."""

    version: int
    is_final: bool
    document: str


class Watch:
    """One stream's changes, in their order, until the hub closes it."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self._changes: asyncio.Queue[Change | None] = asyncio.Queue(_QUEUED_CHANGES + 1)
        self._is_closed = False

    async def next(self) -> Change | None:
        """The next change; None when the hub has closed the watch."""
        return None if self._is_closed else await self._changes.get()

    def put(self, change: Change) -> None:
        if self._changes.qsize() >= _QUEUED_CHANGES:
            self.close()
        else:
            self._changes.put_nowait(change)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._changes.put_nowait(None)


class Hub:
    """Knows which stream watches which scan. To be used from one event loop."""

    def __init__(self, redis: Redis, *, streams_max: int) -> None:
        self._redis = redis
        self._streams_max = streams_max
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._is_closed = False
        self.streams = 0

    def watch(self, task_id: str) -> Watch:
        """Changes from now on. Raises ``TooManyStreams``; to be given back with ``forget``."""
        if self.streams >= self._streams_max:
            raise TooManyStreams
        self.streams += 1
        watch = Watch(task_id)
        self._watches[task_id].add(watch)
        if self._is_closed:
            watch.close()
        return watch

    def forget(self, watch: Watch) -> None:
        self.streams -= 1
        watches = self._watches[watch.task_id]
        watches.discard(watch)
        if not watches:
            del self._watches[watch.task_id]

    def close(self) -> None:
        """Ends all streams: their clients come back, to another process."""
        self._is_closed = True
        self._close_all()

    async def run(self) -> None:
        """Listens for ever. Ends streams that may have missed a change: they come back and see the present state."""
        wait = 0.1
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(CHANGES_CHANNEL)
                    async for message in pubsub.listen():
                        wait = 0.1
                        if message["type"] == "message":
                            self._pass_on(message["data"])
                        elif message["type"] == "subscribe":
                            # Of those that came before nobody knows what they have missed.
                            self._close_all()
            except (RedisError, OSError) as error:
                logger.warning("the subscription to changes has ended: %r", error)
            self._close_all()
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def _close_all(self) -> None:
        for watches in self._watches.values():
            for watch in watches:
                watch.close()

    def _pass_on(self, data: bytes) -> None:
        task_id, version, status, document = data.decode().split(" ", 3)
        if task_id in self._watches:
            change = Change(int(version), Status(status) in FINAL, document)
            for watch in list(self._watches[task_id]):
                watch.put(change)
