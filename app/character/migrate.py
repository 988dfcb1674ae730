"""Brings the database to the newest schema: ``python -m app.character.migrate``.

Any number may run at once: one works, the others wait for it and then find nothing to do. All steps are one
transaction: an interrupted migration has changed nothing.
"""

import argparse
import logging
import sys
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from app.character.database import create_database
from app.logs import configure_logging
from app.settings import PostgresSettings

logger = logging.getLogger(__name__)

_PASSING = (OperationalError, InterfaceError, InternalError)
"""Away, starting, read-only for a while. Anything else is a fault of a migration."""

MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK = 0x65636F32
"""The key of the advisory lock: any number that nothing else in this database uses."""

_RETRY_SECONDS = 1.0
_STATEMENT_SECONDS = 60
"""How long one step may take, and how long to wait for another migration."""


def main() -> int:
    """0 when the schema is the newest; 1 when the database did not answer in ``POSTGRES_WAIT_SECONDS``."""
    argparse.ArgumentParser(prog="python -m app.character.migrate", description=__doc__).parse_args()
    settings = PostgresSettings()
    configure_logging("INFO")
    # It has three lines for every look at the schema.
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    database = create_database(settings, connections=1, statement_seconds=_STATEMENT_SECONDS)
    try:
        before, after = _migrate_within(database, settings.postgres_wait_seconds)
    except _PASSING as error:
        logger.error("the database is not migrated: %s", error.orig)
        return 1
    logger.info("the schema is %s", after if before == after else f"{after}, it was {before or 'empty'}")
    return 0


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration for these migrations."""
    config = Config()
    # A percent sign would begin an interpolation.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(database: Engine) -> tuple[str | None, str | None]:
    """Upgrades to the newest revision; the revisions before and after. Raises SQLAlchemy's errors."""
    with database.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        before = _revision(connection)
        command.upgrade(configuration(connection), "head")
        return before, _revision(connection)


def _migrate_within(database: Engine, seconds: float) -> tuple[str | None, str | None]:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return migrate(database)
        except _PASSING as error:
            if time.monotonic() > deadline:
                raise
            logger.info("waits for the database: %s", error.orig)
        time.sleep(_RETRY_SECONDS)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


if __name__ == "__main__":
    sys.exit(main())
