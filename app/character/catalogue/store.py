"""The catalogue in the database. All functions raise ``sqlalchemy.exc.SQLAlchemyError`` when it is away."""

from collections.abc import Mapping

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.dialects.postgresql import insert

from app.character.catalogue.snapshot import Row
from app.character.tables import catalogue_version, characters

_LOCK = 0x65636F33
"""The key of the advisory lock under which changes come one at a time, so that their versions are in commit order."""


class Refused(Exception):
    """The catalogue cannot be changed so; the message says why, for the person who wanted it."""


def load(database: Engine) -> list[Row]:
    """All rows, the deleted ones included."""
    with database.connect() as connection:
        found = connection.execute(select(characters).order_by(characters.c.code))
        return [Row.model_validate(row) for row in found]


def add(database: Engine, *, code: str, name: str, match_label: str | None, type_label: str, dialog: str) -> Row:
    """A new character, or one that had been removed. Raises Refused if there is one of this code."""
    values = {"name": name, "match_label": match_label, "type_label": type_label, "dialog": dialog}
    with database.begin() as connection:
        _take_turn(connection)
        _refuse_taken_label(connection, code, match_label)
        known = _find(connection, code)
        if known is not None and not known.deleted:
            raise Refused(f"there is a character {code} already; use change")
        return _write(connection, code, {**values, "deleted": False})


def change(database: Engine, code: str, values: Mapping[str, str | None]) -> Row:
    """Other values for a character. Raises Refused if there is none of this code."""
    with database.begin() as connection:
        _take_turn(connection)
        known = _needed(connection, code)
        _refuse_taken_label(connection, code, values.get("match_label"))
        return _write(connection, code, {**known.model_dump(exclude={"code", "version"}), **values})


def remove(database: Engine, code: str) -> Row:
    """No scan earns it any more; who has it keeps it. Raises Refused if there is none of this code."""
    with database.begin() as connection:
        _take_turn(connection)
        known = _needed(connection, code)
        return _write(connection, code, {**known.model_dump(exclude={"code", "version"}), "deleted": True})


def _take_turn(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _find(connection: Connection, code: str) -> Row | None:
    found = connection.execute(select(characters).where(characters.c.code == code)).one_or_none()
    return None if found is None else Row.model_validate(found)


def _needed(connection: Connection, code: str) -> Row:
    known = _find(connection, code)
    if known is None or known.deleted:
        raise Refused(f"there is no character {code}; list shows those that there are")
    return known


def _refuse_taken_label(connection: Connection, code: str, label: str | None) -> None:
    if label is None:
        return
    taken = select(characters.c.code).where(
        characters.c.match_label == label, characters.c.code != code, ~characters.c.deleted
    )
    if other := connection.execute(taken).scalar():
        raise Refused(f"{label} earns {other} already: change or remove that one first")


def _write(connection: Connection, code: str, values: Mapping[str, str | bool | None]) -> Row:
    statement = insert(characters).values(code=code, version=catalogue_version.next_value(), **values)
    wanted = {key: statement.excluded[key] for key in (*values, "version")}
    written = statement.on_conflict_do_update(index_elements=[characters.c.code], set_=wanted).returning(characters)
    return Row.model_validate(connection.execute(written).one())
