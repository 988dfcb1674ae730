"""Probes and metrics of the processes that serve no HTTP of their own.

Liveness must say nothing about what a process shares with others: one that waits for the broker or a database to come
back must not be restarted for that. Readiness names what is missing.
"""

import json
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

STILL_SECONDS = 60
"""A consumer's loop beats every other second; a broker that is slow to answer may hold it for some seconds."""


class Health(Protocol):
    """What a process says of itself. It is asked from several threads."""

    @property
    def is_alive(self) -> bool: ...

    @property
    def is_ready(self) -> bool: ...

    @property
    def complaint(self) -> str:
        """What is missing while it is not alive or not ready, for the person who reads a failing probe."""


class ConsumerHealth:
    """What the parts of a process that consumes messages report. Written and read by several threads.

    It is dead when its loop stands still although it neither connects nor shuts down.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beat = clock()
        self._is_consuming = False
        self._is_excused = True

    def beat(self) -> None:
        """The consumer's loop goes round."""
        self._beat = self._clock()

    def consuming(self) -> None:
        """The consumer is connected and takes messages."""
        self.beat()
        self._is_consuming, self._is_excused = True, False

    def connecting(self) -> None:
        """The consumer waits for the broker."""
        self._is_consuming, self._is_excused = False, True

    def going_down(self) -> None:
        """The process takes no more messages and finishes those that it has."""
        self._is_consuming, self._is_excused = False, True

    @property
    def is_ready(self) -> bool:
        return self._is_consuming

    @property
    def is_alive(self) -> bool:
        return self._is_excused or self._clock() - self._beat < STILL_SECONDS

    @property
    def complaint(self) -> str:
        return "rabbitmq: not connected" if self.is_alive else "the consumer's loop stands still"


def serve(health: Health, port: int) -> ThreadingHTTPServer:
    """Serves /livez, /readyz and /metrics from a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/livez":
                    self._say(health.is_alive)
                case "/readyz":
                    self._say(health.is_ready)
                case "/metrics":
                    self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest())
                case _:
                    self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")

        def _say(self, is_fine: bool) -> None:
            status = HTTPStatus.OK if is_fine else HTTPStatus.SERVICE_UNAVAILABLE
            document = {"status": "ok"} if is_fine else {"status": "unavailable", "detail": health.complaint}
            self._answer(status, "application/json", json.dumps(document).encode())

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes and scrapes are not worth a line."""

    server = ThreadingHTTPServer(("", port), Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
