"""What the savers write, and what they make of PostgreSQL's errors. No database: its cluster tests have one."""

import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg.errors
import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError, TimeoutError

from app.batches import Outage, UnreadableMessage
from app.character.rewards import Character
from app.events import CONTENT_TYPE, RewardGranted, write_event
from app.savers.__main__ import read_message
from app.savers.health import SILENCE_SECONDS, SaverHealth
from app.savers.rows import ownerships, user_characters
from app.savers.saving import is_about_data, save_ownerships, save_user_characters

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(user: str = "u1", code: str = "char-can", name: str = "캐니", minutes: int = 0) -> RewardGranted:
    character = Character(code=code, name=name, type="금속류", dialog="안녕")
    granted_at = NOW + timedelta(minutes=minutes)
    return RewardGranted(task_id=str(uuid.uuid4()), user_id=user, character=character, granted_at=granted_at)


def test_the_same_ownership_has_the_same_id_in_both_tables() -> None:
    [owned], [copy] = ownerships([event()]), user_characters([event()])
    assert owned["id"] == copy["id"], "an event that comes twice would make two rows"
    assert owned["id"] != ownerships([event(user="u2")])[0]["id"]


def test_one_insert_has_each_row_once() -> None:
    first, second = event(name="alt"), event(name="neu", minutes=1)
    for events in ([first, second], [second, first]):
        [owned], [copy] = ownerships(events), user_characters(events)
        assert owned["task_id"] == first.task_id, "the scan that earned it first"
        assert copy["name"] == "neu", "PostgreSQL refuses to update a row twice in one statement"


def test_rows_are_written_in_one_order_whoever_writes_them() -> None:
    events = [event(user=f"u{number}") for number in range(20)]
    forth, back = ownerships(events), ownerships(events[::-1])
    assert forth == back, "two savers would lock each other out"


class Database:
    """Records what is executed, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.statements: list[str] = []

    def begin(self) -> "Database":
        return self

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None: ...

    def execute(self, statement: Any, execution_options: object) -> Any:
        if self._error:
            raise self._error
        self.statements.append(str(statement.compile(dialect=postgresql.dialect())))  # type: ignore[no-untyped-call]
        return SimpleNamespace(rowcount=1)


def test_a_batch_is_one_statement_that_bears_repetition() -> None:
    database: Any = Database()
    events = [event(user=f"u{number}") for number in range(50)]
    save_ownerships(database)(events)
    save_user_characters(database)(events)
    owned, copies = database.statements
    assert owned.count("%(user_id_m") == copies.count("%(user_id_m") == 50
    assert owned.endswith("ON CONFLICT DO NOTHING")
    assert "ON CONFLICT (user_id, character_code) DO UPDATE SET" in copies
    assert copies.endswith("WHERE user_characters.updated_at < excluded.updated_at"), (
        "an old event would undo a new one"
    )


def from_postgres(error: psycopg.Error) -> SQLAlchemyError:
    """As SQLAlchemy raises it."""
    return DBAPIError.instance("INSERT", {}, error, psycopg.Error, dialect=postgresql.dialect())  # type: ignore


ABOUT_DATA = [
    psycopg.errors.UntranslatableCharacter(),
    psycopg.errors.UniqueViolation(),
    psycopg.errors.NotNullViolation(),
]
OUTAGES = [
    psycopg.OperationalError("connection refused"),
    psycopg.InterfaceError("the connection is closed"),
    psycopg.errors.ReadOnlySqlTransaction(),
    psycopg.errors.QueryCanceled(),
    psycopg.errors.AdminShutdown(),
    psycopg.errors.CannotConnectNow(),
    psycopg.errors.DeadlockDetected(),
    psycopg.errors.DiskFull(),
    psycopg.errors.UndefinedTable(),
    psycopg.errors.InsufficientPrivilege(),
]


@pytest.mark.parametrize("error", ABOUT_DATA, ids=lambda error: type(error).__name__)
def test_what_other_data_would_not_have_met_is_the_rows_fault(error: psycopg.Error) -> None:
    raised = from_postgres(error)
    assert is_about_data(raised)
    database: Any = Database(raised)
    with pytest.raises(SQLAlchemyError):
        save_ownerships(database)([event()])


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
def test_what_passes_is_waited_for(error: psycopg.Error) -> None:
    database: Any = Database(from_postgres(error))
    with pytest.raises(Outage):
        save_ownerships(database)([event()])


def test_a_pool_without_a_free_connection_is_an_outage_and_a_value_of_the_wrong_kind_is_not() -> None:
    assert not is_about_data(TimeoutError())
    assert is_about_data(StatementError("no UUID", "INSERT", {}, ValueError()))


def test_an_outage_is_told_without_the_data() -> None:
    error = psycopg.OperationalError("the server is away\nDETAIL: user u1")
    database: Any = Database(from_postgres(error))
    with pytest.raises(Outage, match=r"^PostgreSQL: OperationalError: the server is away$"):
        save_ownerships(database)([event()])


def test_a_message_is_read_by_its_content_type() -> None:
    given = event()
    message = SimpleNamespace(body=write_event(given), properties={"content_type": CONTENT_TYPE})
    assert read_message(message) == given
    with pytest.raises(UnreadableMessage) as unreadable:
        read_message(SimpleNamespace(body=write_event(given), properties={}))
    assert unreadable.value.reason == "content_type"


def test_a_saver_without_its_database_lives_and_says_what_it_lacks() -> None:
    now = 100.0
    health = SaverHealth(lambda: now)
    health.consuming()
    assert (health.is_alive, health.is_ready) == (True, False), "the pod would be restarted for the database's sake"
    assert "postgres" in health.complaint
    health.database_answers()
    assert health.is_ready
    now += SILENCE_SECONDS
    assert not health.is_ready, "a database that hangs answers nothing, not even no"
    health.database_answers()
    health.connecting()
    assert (health.is_ready, health.complaint) == (False, "rabbitmq: not connected")
