"""celery-beat: ``python -m app.beat``. It sends one task, every few minutes: dead letters are to be tried again.

The message carries no expiry, which workers do not take (app/worker/consumer.py): what has piled up while no worker was
there does nothing, because the task itself takes a lock.
"""

import logging
import sys
import time
from typing import Any

from celery.beat import PersistentScheduler

from app import topology
from app.celery_app import create_celery
from app.health import STILL_SECONDS, serve
from app.logs import configure_logging
from app.publishing import FAILURES
from app.settings import BeatSettings

logger = logging.getLogger(__name__)

REPLAY = "deadletters.replay"
"""The task of app/deadletters/replay.py."""

_LONGEST_SLEEP_SECONDS = 5


class BeatHealth:
    """The scheduler reports each of its rounds. A broker that is away is its dead letters' sorrow, not its own."""

    def __init__(self) -> None:
        self._round = time.monotonic()

    def goes_round(self) -> None:
        self._round = time.monotonic()

    @property
    def is_alive(self) -> bool:
        return time.monotonic() - self._round < STILL_SECONDS

    @property
    def is_ready(self) -> bool:
        return self.is_alive

    @property
    def complaint(self) -> str:
        return "the scheduler stands still"


def reporting_scheduler(health: BeatHealth) -> type[PersistentScheduler]:
    """A scheduler class that reports to ``health``."""

    class ReportingScheduler(PersistentScheduler):
        # Celery would wait here for the broker, for ever. Each publish takes a connection from the pool.
        producer = None

        def tick(self, *args: Any, **kwargs: Any) -> Any:
            health.goes_round()
            return super().tick(*args, **kwargs)

        def send_task(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().send_task(*args, **kwargs)
            except FAILURES as failure:
                # The pooled connection has died in its sleep: between two publishes nobody sends its heartbeats.
                logger.info("tries again with a new connection: %r", failure)
                return super().send_task(*args, **kwargs)

    return ReportingScheduler


def schedule(replay_seconds: int) -> dict[str, Any]:
    """Celery's ``beat_schedule``."""
    to_default = {"exchange": topology.CELERY.name, "routing_key": topology.DEFAULT_QUEUE}
    return {"replay-dead-letters": {"task": REPLAY, "schedule": replay_seconds, "options": to_default}}


def main() -> int:
    """Runs until SIGTERM."""
    settings = BeatSettings()
    configure_logging(settings.log_level)
    celery = create_celery(settings, name="celery-beat", publishing_connections=1)
    celery.conf.beat_schedule = schedule(settings.deadletter_replay_seconds)
    health = BeatHealth()
    serve(health, settings.metrics_port)
    beat = celery.Beat(
        scheduler_cls=reporting_scheduler(health),
        schedule=settings.schedule_file,
        max_interval=_LONGEST_SLEEP_SECONDS,
        loglevel=settings.log_level,
        quiet=True,
    )
    beat.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
