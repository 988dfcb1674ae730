"""Runs the Character service: ``python -m app.character``."""

import logging
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from app import health as probes
from app.broker import broker_connection
from app.character import character_pb2_grpc
from app.character.catalogue.snapshot import Catalogue
from app.character.catalogue.sync import catalogue_listener
from app.character.database import create_database
from app.character.decisions import Decisions
from app.character.readiness import Readiness
from app.character.service import CharacterService
from app.logs import configure_logging
from app.settings import CharacterSettings
from app.tracing.spans import close as close_tracing
from app.tracing.spans import configure as configure_tracing

logger = logging.getLogger(__name__)

_SPARE_THREADS = 8
"""For health checks and malformed questions, while the others wait for the database."""
_OWN_CONNECTIONS = 2
"""Of the database: for loading the catalogue, and for looking whether it takes decisions."""
_WAITING_MAX = 64
"""Calls in all; those above are answered RESOURCE_EXHAUSTED at once."""

_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 16 * 1024),
    # So that clients look for new pods; calls under way finish on the old connection.
    ("grpc.max_connection_age_ms", 120_000),
    ("grpc.max_connection_age_grace_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


def main() -> None:
    """Serves until SIGTERM; then new calls are still taken for a while, and those under way are finished."""
    settings = CharacterSettings()
    configure_logging(settings.log_level)
    configure_tracing("character", settings.otel_exporter_otlp_endpoint)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    database = create_database(settings, connections=settings.database_connections + _OWN_CONNECTIONS)
    decisions, catalogue = Decisions(database), Catalogue()
    listener = catalogue_listener(catalogue, database, broker_connection(settings))
    said = health.HealthServicer()
    readiness = Readiness(said, catalogue, listener, decisions.check)
    server = _server(settings, CharacterService(catalogue, decisions.decide), said)

    listener.start()
    readiness.start()
    probes.serve(readiness, settings.metrics_port)
    server.start()
    logger.info("serves on port %s", settings.port)
    stopping.wait()

    readiness.going_down()
    listener.stop()
    # Until the name of this pod is out of every client's resolver.
    threading.Event().wait(settings.drain_seconds)
    server.stop(settings.shutdown_seconds).wait()
    close_tracing()
    logger.info("has stopped")
    # A thread that waits for a frozen database would hold the process up until it is killed.
    os._exit(0)


def _server(settings: CharacterSettings, service: CharacterService, said: health.HealthServicer) -> grpc.Server:
    threads = ThreadPoolExecutor(settings.database_connections + _SPARE_THREADS, thread_name_prefix="grpc")
    server = grpc.server(threads, options=_OPTIONS, maximum_concurrent_rpcs=_WAITING_MAX)
    character_pb2_grpc.add_CharacterServiceServicer_to_server(service, server)
    health_pb2_grpc.add_HealthServicer_to_server(said, server)
    server.add_insecure_port(f"[::]:{settings.port}")
    return server


if __name__ == "__main__":
    main()
