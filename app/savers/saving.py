"""Saving rows in PostgreSQL: one INSERT a batch, which may be repeated, and what its failures mean."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import Counter, Histogram
from sqlalchemy import Engine, Table
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from app.batches import Outage, Save
from app.character.tables import character_ownerships, user_characters
from app.events import RewardGranted
from app.savers import rows
from app.savers.rows import Row
from app.tracing.messages import processing_batch

logger = logging.getLogger(__name__)

INSERTED = Histogram(
    "saver_insert_rows",
    "Rows of one INSERT, known ones included.",
    ["table"],
    buckets=(1, 2, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 75, 100),
)
_COUNTED = {"preserve_rowcount": True}
"""SQLAlchemy keeps the number of rows that an INSERT has written only if it is told to."""

WRITTEN = Counter("saver_rows_written_total", "Rows that were new or newer than what stood there.", ["table"])


def save_ownerships(database: Engine) -> Save[RewardGranted]:
    """Saves who owns what. A row that is there stays as it is."""

    def statement(values: Sequence[Row]) -> Insert:
        return insert(character_ownerships).values(list(values)).on_conflict_do_nothing()

    return _saving(database, character_ownerships, rows.ownerships, statement)


def save_user_characters(database: Engine) -> Save[RewardGranted]:
    """Saves the users' copies. One that is as new or newer stays as it is."""

    def statement(values: Sequence[Row]) -> Insert:
        given = insert(user_characters).values(list(values))
        changed = {name: given.excluded[name] for name in ("name", "type_label", "dialog", "updated_at")}
        return given.on_conflict_do_update(
            index_elements=["user_id", "character_code"],
            set_=changed,
            where=user_characters.c.updated_at < given.excluded.updated_at,
        )

    return _saving(database, user_characters, rows.user_characters, statement)


def _saving(
    database: Engine,
    table: Table,
    rows_of: Callable[[Sequence[RewardGranted]], list[Row]],
    statement: Callable[[Sequence[Row]], Insert],
) -> Save[RewardGranted]:
    def save(events: Sequence[RewardGranted]) -> None:
        values = rows_of(events)
        try:
            with database.begin() as connection:
                written = connection.execute(statement(values), execution_options=_COUNTED).rowcount
        except SQLAlchemyError as error:
            if is_about_data(error):
                raise
            raise Outage(f"PostgreSQL: {_kind(error)}") from error
        INSERTED.labels(table.name).observe(len(values))
        WRITTEN.labels(table.name).inc(max(0, written))

    return save


def traced(queue: str, save: Save[RewardGranted]) -> Save[RewardGranted]:
    """Saves as ``save`` does, in a span that is linked to where each of the events was published."""

    def save_in_span(events: Sequence[RewardGranted]) -> None:
        with processing_batch(queue, len(events), (event.traceparent for event in events)) as span:
            save(events)
            span.ends("saved")

    return save_in_span


def is_about_data(error: SQLAlchemyError) -> bool:
    """Whether other data would have been saved. All else passes: even a table that is missing, once it is migrated."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError | IntegrityError)
    return isinstance(error, StatementError)


def _kind(error: Any) -> str:
    """Its class and the first line of its text. What follows there may quote data."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {str(cause).partition(chr(10))[0]}"
