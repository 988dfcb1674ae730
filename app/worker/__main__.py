"""Runs the worker: ``python -m app.worker [--queues scan.vision,scan.rule,scan.answer]``."""

import argparse
import logging
import os
import socket
import sys
import threading
import time
import uuid
from typing import Any

from celery import signals
from redis import RedisError

from app import rules, topology
from app.celery_app import create_celery
from app.faults import Faults
from app.logs import configure_logging
from app.model import ModelClient
from app.publishing import ConfirmingCelery
from app.settings import WorkerSettings
from app.state.connection import connect
from app.state.steps import SIGN_OF_LIFE_SECONDS, StepStore
from app.steps.answer import Answer
from app.steps.rule import Rule
from app.steps.step import ScanStep
from app.steps.vision import Vision
from app.tasks import register_scan_tasks
from app.worker.consumer import reporting_consumer
from app.worker.health import Health, serve
from app.worker.pool import DrainingPool

logger = logging.getLogger(__name__)

_REDIS_CONNECTIONS = 64
_SCAN_QUEUES = ",".join(task.queue for task in topology.SCAN_TASKS)


def main() -> int:
    """Runs until SIGTERM; the exit code is Celery's."""
    parser = argparse.ArgumentParser(prog="python -m app.worker", description=__doc__)
    parser.add_argument("--queues", default=_SCAN_QUEUES, help="queues to take messages from (default: %(default)s)")
    queues = parser.parse_args().queues.split(",")

    settings = WorkerSettings()
    configure_logging(settings.log_level)
    celery = create_celery(settings, name="scan-worker", publishing_connections=settings.broker_pool_size)
    model = ModelClient(
        base_url=str(settings.model_base_url),
        api_key=settings.model_api_key.get_secret_value(),
        timeout_seconds=settings.model_timeout_seconds,
    )
    model.start()
    steps, redis = _steps(settings, model), connect(settings, _REDIS_CONNECTIONS)
    owner = f"{socket.gethostname()}:{uuid.uuid4()}"
    store = StepStore(redis, owner=owner, ttl_seconds=settings.state_ttl_seconds)
    if settings.fault_hooks:
        steps, store = Faults(redis).around_steps(celery, steps, owner=owner, ttl_seconds=settings.state_ttl_seconds)
    register_scan_tasks(celery, steps, store)
    health = Health()
    serve(health, settings.metrics_port)
    threading.Thread(target=_show_life, args=(store,), name="sign-of-life", daemon=True).start()
    _prepare_going_down(celery, health, settings.shutdown_seconds)
    signals.setup_logging.connect(_keep_our_logging)

    worker = celery.Worker(
        hostname=f"celery@{socket.gethostname()}",
        pool_cls=DrainingPool,
        consumer_cls=reporting_consumer(health),
        concurrency=settings.worker_concurrency,
        queues=queues,
        loglevel=settings.log_level,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return worker.exitcode or 0


def _steps(settings: WorkerSettings, model: ModelClient) -> dict[topology.Task, ScanStep]:
    return {
        topology.VISION: Vision(model=model, model_name=settings.model_vision),
        topology.RULE: Rule(find=rules.find),
        topology.ANSWER: Answer(model=model, model_name=settings.model_answer, find=rules.find),
    }


def _show_life(store: StepStore) -> None:
    is_silent = False
    while True:
        try:
            store.show_life()
            is_silent = False
        except RedisError as error:
            if not is_silent:
                logger.warning("cannot show a sign of life: %r", error)
            is_silent = True
        time.sleep(SIGN_OF_LIFE_SECONDS / 6)


def _prepare_going_down(celery: ConfirmingCelery, health: Health, patience_seconds: int) -> None:
    """At SIGTERM Celery takes no more messages and waits for its threads, for ever if one hangs: this bounds it."""

    def going_down(**_: Any) -> None:
        health.going_down()
        celery.going_down.set()
        guard = threading.Timer(patience_seconds, _leave)
        guard.daemon = True
        guard.start()

    signals.worker_shutting_down.connect(going_down, weak=False)


def _keep_our_logging(**_: Any) -> None:
    """A receiver of setup_logging: Celery configures no logging where there is one."""


def _leave() -> None:
    logger.error("steps are still running: their messages go back to the broker")
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
