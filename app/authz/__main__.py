"""The authorisation service, and its block list: ``python -m app.authz serve|block|unblock``."""

import argparse
import logging
import math
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import grpc
from envoy.service.auth.v3.external_auth_pb2_grpc import add_AuthorizationServicer_to_server
from grpc_health.v1 import health, health_pb2_grpc
from redis.exceptions import RedisError

from app import health as probes
from app import topology
from app.authz.blocklist import BlockList, Change
from app.authz.check import AuthorizationService
from app.authz.messages import JTI_CHARACTERS, write_change
from app.authz.store import BlockStore
from app.authz.sync import Sync
from app.broker import broker_connection, opened, publish_json
from app.logs import configure_logging
from app.publishing import FAILURES
from app.settings import AuthzSettings
from app.state.connection import connect

logger = logging.getLogger(__name__)

_STOP_SECONDS = 5.0
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 256 * 1024),
    # So that Envoy comes to know new pods; calls under way finish on the old connection.
    ("grpc.max_connection_age_ms", 120_000),
    ("grpc.max_connection_age_grace_ms", 10_000),
)


def main() -> int:
    """0 when done, 1 when it could not be done or not wholly; argparse ends wrong calls with 2."""
    words = _parser().parse_args()
    settings = AuthzSettings()
    if words.command == "serve":
        return serve(settings)
    logging.basicConfig(level=logging.ERROR)
    return _change(settings, words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.authz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("serve", help="answer Envoy until SIGTERM")
    block = commands.add_parser("block", help="refuse a token from now on")
    block.add_argument("jti", type=_jti, help="the token's jti")
    block.add_argument(
        "--until",
        type=_time,
        required=True,
        help="when the token expires by itself: 2026-12-31T23:59:59Z, or seconds since the epoch",
    )
    unblock = commands.add_parser("unblock", help="let a token pass again")
    unblock.add_argument("jti", type=_jti)
    return parser


def _jti(text: str) -> str:
    if not 1 <= len(text) <= JTI_CHARACTERS:
        raise argparse.ArgumentTypeError(f"a jti has 1 to {JTI_CHARACTERS} characters")
    return text


def _time(text: str) -> float:
    try:
        until = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no time") from None
        if moment.tzinfo is None:
            raise argparse.ArgumentTypeError(f"{text!r} names no time zone: append Z for UTC") from None
        until = moment.timestamp()
    if not math.isfinite(until) or until <= time.time():
        raise argparse.ArgumentTypeError(f"{text!r} is over: a token that has expired need not be blocked")
    return until


def _change(settings: AuthzSettings, words: argparse.Namespace) -> int:
    """Redis first: a message that came before would be undone by a pod's next load."""
    store = BlockStore(connect(settings, connections=1))
    try:
        change = store.block(words.jti, words.until) if words.command == "block" else store.unblock(words.jti)
    except RedisError as error:
        return _fail(f"nothing is changed, Redis does not take it: {error}")
    try:
        _publish(settings, change)
    except FAILURES as error:
        return _fail(f"it is kept, but the pods were not told: {error!r}. They find it within a minute, or call again.")
    sys.stdout.write(f"{change.jti} is {words.command}ed\n")
    return 0


def _publish(settings: AuthzSettings, change: Change) -> None:
    with opened(broker_connection(settings)) as connection:
        publish_json(connection, topology.AUTHZ_FANOUT.name, write_change(change))


def _fail(complaint: str) -> int:
    sys.stderr.write(f"{complaint}\n")
    return 1


def serve(settings: AuthzSettings) -> int:
    """Serves until SIGTERM; then new checks are still answered for a while."""
    configure_logging(settings.log_level)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    blocked, said = BlockList(), health.HealthServicer()
    sync = Sync(blocked, BlockStore(connect(settings, connections=2)), broker_connection(settings), said)
    service = AuthorizationService(
        blocked, payload_header=settings.payload_header, allow_anonymous=settings.allow_anonymous
    )
    threads = ThreadPoolExecutor(settings.worker_threads, thread_name_prefix="grpc")
    server = grpc.server(threads, options=_OPTIONS)
    add_AuthorizationServicer_to_server(service, server)
    health_pb2_grpc.add_HealthServicer_to_server(said, server)
    server.add_insecure_port(f"[::]:{settings.port}")

    sync.start()
    probes.serve(sync, settings.metrics_port)
    server.start()
    logger.info("serves on port %s", settings.port)
    stopping.wait()

    sync.going_down()
    # Until the name of this pod is out of Envoy's list.
    threading.Event().wait(settings.drain_seconds)
    server.stop(_STOP_SECONDS).wait()
    # The listener may be waiting for a broker that is away.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
