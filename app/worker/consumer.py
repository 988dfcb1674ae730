"""Celery's consumer, changed where it would lose a message or fall over one."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from celery.worker.consumer import Consumer
from celery.worker.request import Request
from kombu.connection import Connection
from kombu.message import Message

from app.health import ConsumerHealth
from app.worker.metrics import BURIED

logger = logging.getLogger(__name__)

_BEAT_SECONDS = 2.0
_RECONNECT_SECONDS = 4


class BuryingRequest(Request):
    """A request whose message is dead-lettered if Celery stumbles over it while it ends a failed task.

    The message would else stay with this worker, neither acknowledged nor rejected, for as long as the worker lives.
    """

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> None:
        try:
            super().on_failure(exc_info, *args, **kwargs)
        except Exception:
            logger.exception("dead-letters a message of %s: its failure cannot be dealt with", self.name)
            BURIED.inc()
            self.reject(requeue=False)


def reporting_consumer(health: ConsumerHealth) -> type[Consumer]:
    """A consumer class that reports to ``health`` and dead-letters what no task can be made of.

    Celery acknowledges a body that it cannot decode, and a message without the headers that it needs ends the worker.
    """

    class ReportingConsumer(Consumer):
        def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
            handle = super().create_task_handler(*args, **kwargs)
            broker_errors = self.connection_errors + self.channel_errors

            def handle_or_bury(message: Message) -> None:
                try:
                    if message.headers.get("eta") or message.headers.get("expires"):
                        # Celery would keep the one for years, unacknowledged, and acknowledge the other unseen.
                        self._bury(message, "nothing is sent here to be run later, or to expire")
                    else:
                        handle(message)
                except broker_errors:
                    raise
                except Exception as error:
                    self.on_decode_error(message, error)

            return handle_or_bury

        def on_decode_error(self, message: Message, exc: Exception) -> None:
            self._bury(message, f"it cannot be read: {exc!r}")

        def on_unknown_message(self, body: Any, message: Message) -> None:
            self._bury(message, "it is no task's message")

        def on_unknown_task(self, body: Any, message: Message, exc: Exception) -> None:
            self._bury(message, f"there is no such task: {exc}")

        def on_invalid_task(self, body: Any, message: Message, exc: Exception) -> None:
            self._bury(message, f"it is not valid: {exc!r}")

        def _bury(self, message: Message, reason: str) -> None:
            logger.error("dead-letters a message of %s: %s", message.delivery_info.get("routing_key"), reason)
            if not message.acknowledged:
                BURIED.inc()
                message.reject_log_error(logger, self.connection_errors)

        def ensure_connected(self, conn: Connection) -> Connection:
            health.connecting()
            # Celery would wait up to 30 s between two attempts.
            conn.ensure_connection = partial(conn.ensure_connection, interval_max=_RECONNECT_SECONDS)
            return super().ensure_connected(conn)

        def on_ready(self) -> None:
            super().on_ready()
            health.consuming()

        def register_with_event_loop(self, hub: Any) -> None:
            super().register_with_event_loop(hub)
            # Celery takes the loop's timers away when its connection is lost.
            hub.call_repeatedly(_BEAT_SECONDS, health.beat)

    return ReportingConsumer
