"""Runs a saver: ``python -m app.savers character|users``."""

import argparse
import signal
import sys
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from app import topology
from app.batch_consumer import BatchConsumer
from app.batches import Limits, Save, UnreadableMessage
from app.broker import broker_connection
from app.character.database import create_database
from app.events import RewardGranted, UnreadableEvent, read_event
from app.health import serve
from app.logs import configure_logging
from app.savers.health import SaverHealth, watch_database
from app.savers.saving import save_ownerships, save_user_characters, traced
from app.settings import SaverSettings
from app.tracing.spans import close as close_tracing
from app.tracing.spans import configure as configure_tracing

KINDS: dict[str, tuple[str, Callable[[Engine], Save[RewardGranted]]]] = {
    "character": (topology.SAVE_OWNERSHIP, save_ownerships),
    "users": (topology.SAVE_CHARACTER, save_user_characters),
}
_DATABASE_CONNECTIONS = 2
"""One to save, one to see whether the database is there."""


def main() -> int:
    """Runs until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m app.savers", description=__doc__)
    parser.add_argument("kind", choices=KINDS, help="who owns what, or the users' copies")
    kind = parser.parse_args().kind
    queue, saving = KINDS[kind]

    settings = SaverSettings()
    configure_logging(settings.log_level)
    configure_tracing(f"{kind}-worker", settings.otel_exporter_otlp_endpoint)
    database = create_database(settings, connections=_DATABASE_CONNECTIONS)
    health = SaverHealth()
    consumer = BatchConsumer(
        broker_connection(settings),
        queue,
        read=read_message,
        save=traced(queue, saving(database)),
        health=health,
        limits=Limits(settings.batch_size, settings.batch_seconds),
    )
    signal.signal(signal.SIGTERM, lambda *_: consumer.stop())
    signal.signal(signal.SIGINT, lambda *_: consumer.stop())
    serve(health, settings.metrics_port)
    watch_database(database, health)
    consumer.run()
    close_tracing()
    return 0


def read_message(message: Any) -> RewardGranted:
    """Reads the event of an ``amqp.Message``. Raises ``UnreadableMessage``."""
    try:
        return read_event(message.body, message.properties.get("content_type"))
    except UnreadableEvent as error:
        raise UnreadableMessage(error.reason, str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
