"""What the Character service says of itself: to Kubernetes over HTTP, to its clients by gRPC's health protocol.

Kubernetes hears of the catalogue alone. If it heard of the database too, an outage would take all pods out of the
Service, and their clients would hear nothing instead of a quick UNAVAILABLE.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from grpc_health.v1.health import OVERALL_HEALTH, HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse
from sqlalchemy.exc import SQLAlchemyError

from app.character.catalogue.snapshot import Catalogue
from app.character.client import SERVICE
from app.character.metrics import DATABASE_UP
from app.fanout import FanoutListener

logger = logging.getLogger(__name__)

_STILL_SECONDS = 60
"""Connecting and loading may hold the listener for some 15 s."""

_CHECK_SECONDS = 1.0
_PATIENCE_SECONDS = 2.0


class Readiness:
    """Checks once a second what the health protocol says.

    Over all (``""``) the service serves while its catalogue is loaded; under its own name while it could also keep a
    decision. A catalogue that was loaded once is served by for ever: one that may be a change behind is better than
    none.
    """

    def __init__(
        self, said: HealthServicer, catalogue: Catalogue, listener: FanoutListener, check_database: Callable[[], bool]
    ) -> None:
        self._said = said
        self._catalogue = catalogue
        self._listener = listener
        self._check_database = check_database
        self._checks = ThreadPoolExecutor(1, thread_name_prefix="database-check")
        self._check: Future[bool] | None = None
        self._is_going_down = False
        self._database_is_up: bool | None = None
        for name in (OVERALL_HEALTH, SERVICE):
            said.set(name, HealthCheckResponse.NOT_SERVING)

    @property
    def is_alive(self) -> bool:
        return self._is_going_down or self._listener.silence_seconds < _STILL_SECONDS

    @property
    def is_ready(self) -> bool:
        return self._catalogue.is_loaded and not self._is_going_down

    @property
    def complaint(self) -> str:
        if self._is_going_down:
            return "going down"
        if not self._catalogue.is_loaded:
            return "the catalogue is not loaded: it takes the broker and the database"
        return "the listener to the catalogue's changes stands still"

    def start(self) -> None:
        threading.Thread(target=self._run, name="readiness", daemon=True).start()

    def going_down(self) -> None:
        """From now on it says that it does not serve, whatever is well."""
        self._is_going_down = True
        self._said.enter_graceful_shutdown()

    def _run(self) -> None:
        pause = threading.Event()
        while not self._is_going_down:
            self.look()
            pause.wait(_CHECK_SECONDS)

    def look(self) -> None:
        """Checks once, and says what has come out."""
        is_up = self._database_answers()
        self._said.set(OVERALL_HEALTH, _word(self._catalogue.is_loaded))
        self._said.set(SERVICE, _word(self._catalogue.is_loaded and is_up))

    def _database_answers(self) -> bool:
        is_up = self._outcome()
        if is_up != self._database_is_up:
            logger.info("the database %s", "takes decisions" if is_up else "does not take decisions")
        self._database_is_up = is_up
        DATABASE_UP.set(is_up)
        return is_up

    def _outcome(self) -> bool:
        """Of a check that is under way or begins now. A frozen database lets it hang for as long as it is frozen."""
        check = self._check or self._checks.submit(self._check_database)
        try:
            is_up = check.result(timeout=_PATIENCE_SECONDS)
        except TimeoutError:
            self._check = check
            return False
        except SQLAlchemyError:
            is_up = False
        self._check = None
        return is_up


def _word(is_serving: bool) -> HealthCheckResponse.ServingStatus:
    return HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
