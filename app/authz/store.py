"""The block list in Redis, which outlives every process."""

import time
from typing import Any

from redis import Redis

from app.authz.blocklist import Change

_BLOCKED = "authz:blocked"
"""A sorted set of tokens by the time at which they expire."""

_VERSION = "authz:version"
_PAGE = 1000


class BlockStore:
    """All calls raise ``redis.RedisError`` when Redis is away or full."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def block(self, jti: str, until: float) -> Change:
        """Keeps a token until then; what has expired is thrown away on the way."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.incr(_VERSION)
        pipeline.zremrangebyscore(_BLOCKED, "-inf", time.time())
        pipeline.zadd(_BLOCKED, {jti: until})
        return Change(jti=jti, until=until, version=int(pipeline.execute()[0]))

    def unblock(self, jti: str) -> Change:
        """Forgets a token. It is no error if it was not blocked."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.incr(_VERSION)
        pipeline.zrem(_BLOCKED, jti)
        return Change(jti=jti, until=None, version=int(pipeline.execute()[0]))

    def load(self) -> tuple[dict[str, float], int]:
        """All that are blocked now, and the version of which they are at least.

        The version is read first and the rest page by page: what changes meanwhile is told by messages of later ones.
        """
        version: Any = self._redis.get(_VERSION)
        now = time.time()
        pages = self._redis.zscan_iter(_BLOCKED, count=_PAGE)
        return {jti.decode(): until for jti, until in pages if until > now}, int(version or 0)
