"""Whether a saver is ready: it consumes, and its database answers."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.health import ConsumerHealth

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 5

SILENCE_SECONDS = 12
"""So old may the database's last answer be: two looks, and the time that one may take. One that hangs says nothing."""


class SaverHealth(ConsumerHealth):
    """A consumer's health. Its readiness, and nothing else, needs the database as well."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._answered: float | None = None

    def database_answers(self) -> None:
        """The database has just answered."""
        self._answered = self._clock()

    @property
    def is_ready(self) -> bool:
        return super().is_ready and self._is_database_there

    @property
    def complaint(self) -> str:
        is_database_lacking = self.is_alive and super().is_ready
        return "postgres: does not answer" if is_database_lacking else super().complaint

    @property
    def _is_database_there(self) -> bool:
        return self._answered is not None and self._clock() - self._answered < SILENCE_SECONDS


def watch_database(database: Engine, health: SaverHealth) -> None:
    """Asks the database every few seconds, from a thread of its own, and reports its answers."""

    def watch() -> None:
        while True:
            if answers(database):
                health.database_answers()
            time.sleep(_LOOK_SECONDS)

    threading.Thread(target=watch, name="database-watch", daemon=True).start()


def answers(database: Engine) -> bool:
    """Whether the database answers now."""
    try:
        with database.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        logger.debug("the database does not answer: %r", error)
        return False
    return True
