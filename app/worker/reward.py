"""reward-worker: rewards, and what the timer sends."""

from dataclasses import replace

from app import topology
from app.celery_app import create_celery
from app.character.client import CharacterClient
from app.deadletters import replay
from app.events import CONTENT_TYPE, RewardGranted, write_event
from app.logs import configure_logging
from app.publishing import ConfirmingCelery
from app.settings import RewardWorkerSettings
from app.state.connection import connect
from app.state.rewards import RewardStore
from app.steps.reward import Publish, RewardStep
from app.tasks import register_reward_task
from app.tracing.messages import sending
from app.tracing.spans import configure as configure_tracing
from app.worker.machinery import run_worker

QUEUES = (topology.REWARD_TASK.queue, topology.DEFAULT_QUEUE)


def run() -> int:
    """Runs until SIGTERM."""
    settings = RewardWorkerSettings()
    configure_logging(settings.log_level)
    configure_tracing("reward-worker", settings.otel_exporter_otlp_endpoint)
    celery = create_celery(settings, name="reward-worker", publishing_connections=settings.broker_pool_size)
    reward = RewardStep(
        characters=CharacterClient(
            settings.character_host, settings.character_port, timeout_seconds=settings.character_timeout_seconds
        ),
        publish=publisher(celery),
        rewards=RewardStore(connect(settings, settings.worker_concurrency), ttl_seconds=settings.state_ttl_seconds),
    )
    register_reward_task(celery, reward, retry_time_scale=settings.retry_time_scale)
    replay.register(celery, settings)
    return run_worker(celery, settings, QUEUES)


def publisher(celery: ConfirmingCelery) -> Publish:
    """Publishes events to all who keep what was granted."""

    def publish(event: RewardGranted) -> None:
        exchange = topology.REWARD_EVENTS.name
        with sending(exchange) as span:
            body = write_event(replace(event, traceparent=span.traceparent))
            celery.send_event(exchange, body, content_type=CONTENT_TYPE, message_id=event.task_id)

    return publish
