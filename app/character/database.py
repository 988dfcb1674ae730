"""The connection to PostgreSQL. Everything is bounded: a database that is away makes callers fail soon, not wait."""

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from app.settings import PostgresSettings

FAILURES = (SQLAlchemyError,)
"""What using the engine raises when the database is away, is read-only, refuses or does not answer in time."""

_CONNECT_SECONDS = 2
_STATEMENT_SECONDS = 2
_LOCK_SECONDS = 1
_SILENCE_SECONDS = 3
"""So long sent data may stay without the peer's acknowledgement before a connection counts as cut."""
_POOL_SECONDS = 0.5
_RECYCLE_SECONDS = 300


def create_database(settings: PostgresSettings, *, connections: int, statement_seconds: int | None = None) -> Engine:
    """An engine with a pool of so many connections; none is open yet. A caller waits half a second for a free one."""
    statement = _STATEMENT_SECONDS if statement_seconds is None else statement_seconds
    return create_engine(
        _url(settings),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_pre_ping=True,
        pool_recycle=_RECYCLE_SECONDS,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "options": f"-c statement_timeout={statement}s -c lock_timeout={_LOCK_SECONDS}s",
            "keepalives_idle": _SILENCE_SECONDS,
            "keepalives_interval": 1,
            "keepalives_count": _SILENCE_SECONDS,
            "tcp_user_timeout": _SILENCE_SECONDS * 1000,
            "application_name": "eco2",
        },
    )


def _url(settings: PostgresSettings) -> URL:
    return URL.create(
        "postgresql+psycopg",
        username=settings.postgres_username,
        password=settings.postgres_password.get_secret_value(),
        host=settings.postgres_host,
        port=settings.postgres_port,
        database=settings.postgres_database,
    )
