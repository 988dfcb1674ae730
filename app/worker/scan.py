"""scan-worker: the steps of scans."""

import logging
import socket
import threading
import time
import uuid

from redis import RedisError

from app import rules, topology
from app.celery_app import create_celery
from app.faults import Faults
from app.logs import configure_logging
from app.model import ModelClient
from app.settings import ScanWorkerSettings
from app.state.connection import connect
from app.state.steps import SIGN_OF_LIFE_SECONDS, StepStore
from app.steps.answer import Answer
from app.steps.rule import Rule
from app.steps.step import ScanStep
from app.steps.vision import Vision
from app.tasks import register_scan_tasks
from app.tracing.spans import configure as configure_tracing
from app.worker.machinery import run_worker

logger = logging.getLogger(__name__)

QUEUES = tuple(task.queue for task in topology.SCAN_TASKS)
_REDIS_CONNECTIONS = 64


def run() -> int:
    """Runs until SIGTERM."""
    settings = ScanWorkerSettings()
    configure_logging(settings.log_level)
    configure_tracing("scan-worker", settings.otel_exporter_otlp_endpoint)
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
    threading.Thread(target=_show_life, args=(store,), name="sign-of-life", daemon=True).start()
    return run_worker(celery, settings, QUEUES)


def _steps(settings: ScanWorkerSettings, model: ModelClient) -> dict[topology.Task, ScanStep]:
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
