"""Watches how full Redis is: new scans are refused before those under way could fail for want of memory."""

import asyncio
import logging

from redis.exceptions import RedisError

from app.state.scans import ScanStore

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 1.0


class MemoryWatch:
    """Knows whether more than ``share`` of Redis' memory bound is taken."""

    def __init__(self, scans: ScanStore, *, share: float) -> None:
        self._scans = scans
        self._share = share
        self.is_full = False

    async def run(self) -> None:
        """Looks every second, for ever."""
        while True:
            try:
                self.is_full = await self._scans.memory_share() > self._share
            except RedisError as error:
                logger.debug("cannot see how full Redis is: %r", error)
            await asyncio.sleep(_EVERY_SECONDS)
