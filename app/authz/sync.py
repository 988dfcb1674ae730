"""Keeps a process' block list in step with Redis, and says how well that goes."""

import logging
import threading
import time

from grpc_health.v1.health import OVERALL_HEALTH, HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse
from kombu import Connection

from app import topology
from app.authz.blocklist import BlockList
from app.authz.messages import Unreadable, read_change
from app.authz.metrics import BLOCKED, STALE_SECONDS
from app.authz.store import BlockStore
from app.fanout import FanoutListener

logger = logging.getLogger(__name__)

_STILL_SECONDS = 60
"""Connecting and loading may hold the listener for some 15 s."""

_SWEEP_SECONDS = 10.0


class Sync:
    """Listens for changes and drops what has expired.

    It is ready as soon as the list was loaded once, and stays so: with a list that may lack the last changes nearly all
    blocked tokens are refused, without an answer every user is.
    """

    def __init__(self, blocked: BlockList, store: BlockStore, broker: Connection, said: HealthServicer) -> None:
        self._blocked = blocked
        self._store = store
        self._said = said
        self._lost_at: float | None = time.monotonic()
        self._is_going_down = False
        said.set(OVERALL_HEALTH, HealthCheckResponse.NOT_SERVING)
        BLOCKED.set_function(lambda: len(blocked))
        STALE_SECONDS.set_function(lambda: self.stale_seconds)
        self._listener = FanoutListener(
            broker,
            topology.AUTHZ_FANOUT.name,
            load=self._load,
            apply=self.apply,
            on_synced=self._on_synced,
            on_lost=self._on_lost,
        )

    @property
    def stale_seconds(self) -> float:
        """Since when changes may have been missed; 0 while none can be."""
        lost_at = self._lost_at
        return time.monotonic() - lost_at if lost_at is not None else 0.0

    @property
    def is_alive(self) -> bool:
        return self._is_going_down or self._listener.silence_seconds < _STILL_SECONDS

    @property
    def is_ready(self) -> bool:
        return self._blocked.is_loaded and not self._is_going_down

    @property
    def complaint(self) -> str:
        if self._is_going_down:
            return "going down"
        if not self._blocked.is_loaded:
            return "the block list is not loaded: it takes the broker and Redis"
        return "the listener to the block list's changes stands still"

    def start(self) -> None:
        self._listener.start()
        threading.Thread(target=self._sweep, name="sweeper", daemon=True).start()

    def going_down(self) -> None:
        """From now on it says that it does not serve."""
        self._is_going_down = True
        self._said.enter_graceful_shutdown()
        self._listener.stop()

    def apply(self, body: bytes) -> bool:
        """Takes over what a message says; False when the list has to be loaded anew to know."""
        try:
            change = read_change(body)
        except Unreadable as error:
            logger.warning("a message about the block list cannot be read (%s); loads it instead", error)
            return False
        self._blocked.apply(change)
        return True

    def _load(self) -> None:
        self._blocked.replace(*self._store.load())

    def _on_synced(self) -> None:
        self._lost_at = None
        self._said.set(OVERALL_HEALTH, HealthCheckResponse.SERVING)

    def _on_lost(self) -> None:
        self._lost_at = time.monotonic()

    def _sweep(self) -> None:
        pause = threading.Event()
        while not pause.wait(_SWEEP_SECONDS):
            self._blocked.drop_expired()
