"""What both kinds of worker have in common: how Celery's worker is set up, watched and ended."""

import logging
import os
import socket
import threading
from collections.abc import Sequence
from typing import Any

from celery import signals

from app.health import ConsumerHealth, serve
from app.publishing import ConfirmingCelery
from app.settings import WorkerSettings
from app.tracing.spans import close as close_tracing
from app.worker.consumer import reporting_consumer
from app.worker.pool import DrainingPool

logger = logging.getLogger(__name__)


def run_worker(celery: ConfirmingCelery, settings: WorkerSettings, queues: Sequence[str]) -> int:
    """Runs the registered tasks of these queues until SIGTERM; the exit code is Celery's."""
    health = ConsumerHealth()
    serve(health, settings.metrics_port)
    _prepare_going_down(celery, health, settings.shutdown_seconds)
    worker = celery.Worker(
        hostname=f"celery@{socket.gethostname()}",
        pool_cls=DrainingPool,
        consumer_cls=reporting_consumer(health),
        concurrency=settings.worker_concurrency,
        queues=list(queues),
        loglevel=settings.log_level,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    close_tracing()
    return worker.exitcode or 0


def _prepare_going_down(celery: ConfirmingCelery, health: ConsumerHealth, patience_seconds: int) -> None:
    """At SIGTERM Celery takes no more messages and waits for its threads, for ever if one hangs: this bounds it."""

    def going_down(**_: Any) -> None:
        health.going_down()
        celery.going_down.set()
        guard = threading.Timer(patience_seconds, _leave)
        guard.daemon = True
        guard.start()

    signals.worker_shutting_down.connect(going_down, weak=False)


def _leave() -> None:
    logger.error("tasks are still running: their messages go back to the broker")
    os._exit(1)
