"""Connections to Redis. Their pools make a caller wait for a free one: redis-py's plain pool refuses at 100."""

from typing import Any
from urllib.parse import quote

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.settings import Settings

_STATE_DATABASE = 0
_RESULTS_DATABASE = 1

_BOUNDS: dict[str, Any] = {"timeout": 5, "socket_connect_timeout": 2}
"""Seconds to wait for a free connection, and for a new one."""

_ANSWER_SECONDS = 3
"""A command that takes longer has failed: an API has to say that Redis is away while its client still listens."""

_CUT = (redis.ConnectionError,)
"""After it a command is tried once more: a pooled connection may have died in its sleep. After no answer in time it is
not: two such waits are longer than clients listen."""

_SILENCE_SECONDS = 15
"""After so much silence a connection that waits for messages asks whether Redis is still there."""


def results_url(settings: Settings) -> str:
    """Where Celery keeps results. The scan's tasks have none."""
    return _url(settings, _RESULTS_DATABASE)


def connect(settings: Settings, connections: int) -> redis.Redis:
    """A client for many threads."""
    return redis.Redis.from_pool(
        redis.BlockingConnectionPool.from_url(
            _url(settings, _STATE_DATABASE),
            max_connections=connections,
            socket_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 1, supported_errors=_CUT),
            **_BOUNDS,
        )
    )


def connect_async(settings: Settings, connections: int) -> redis.asyncio.Redis:
    """A client for an event loop."""
    return redis.asyncio.Redis.from_pool(
        redis.asyncio.BlockingConnectionPool.from_url(
            _url(settings, _STATE_DATABASE),
            max_connections=connections,
            socket_timeout=_ANSWER_SECONDS,
            retry=AsyncRetry(NoBackoff(), 1, supported_errors=_CUT),
            **_BOUNDS,
        )
    )


def connect_async_waiting(settings: Settings) -> redis.asyncio.Redis:
    """A client for one loop that waits for messages, for which silence is no fault."""
    return redis.asyncio.Redis.from_pool(
        redis.asyncio.BlockingConnectionPool.from_url(
            _url(settings, _STATE_DATABASE),
            max_connections=2,
            socket_timeout=None,
            health_check_interval=_SILENCE_SECONDS,
            retry=AsyncRetry(NoBackoff(), 0),
            **_BOUNDS,
        )
    )


def _url(settings: Settings, database: int) -> str:
    password = quote(settings.redis_password.get_secret_value(), safe="")
    address = f"{settings.redis_host}:{settings.redis_port}/{database}"
    if settings.redis_tls:
        # Celery takes no such URL without a word on certificates.
        return f"rediss://:{password}@{address}?ssl_cert_reqs=required"
    return f"redis://:{password}@{address}"
