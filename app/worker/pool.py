"""Celery's pool of threads, with an end that loses no acknowledgement."""

import logging
import time
from concurrent.futures import Future
from typing import Any

from celery.concurrency.thread import ApplyResult, TaskPool
from kombu.asynchronous.hub import Hub

logger = logging.getLogger(__name__)

_LAST_ACKS_SECONDS = 0.5
"""RabbitMQ drops acknowledgements that it has not yet passed to a quorum queue when their channel closes."""


class DrainingPool(TaskPool):
    """When it stops, it keeps the worker's event loop going until the last task has ended.

    The loop sends the acknowledgements, one by one as tasks end, and the heartbeats. Celery's own pool only waits, and
    all acknowledgements go out in the moment in which the connection is closed: most of them for nothing.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hub: Hub | None = None
        self._running: set[Future[Any]] = set()

    def register_with_event_loop(self, loop: Hub) -> None:
        super().register_with_event_loop(loop)
        self._hub = loop

    def on_apply(self, *args: Any, **kwargs: Any) -> ApplyResult:
        result = super().on_apply(*args, **kwargs)
        self._running.add(result.f)
        result.f.add_done_callback(self._running.discard)
        return result

    def on_stop(self) -> None:
        # What waits for a thread was not begun; unacknowledged, it goes to another worker.
        self.executor.shutdown(wait=False, cancel_futures=True)
        try:
            self._drain()
        except Exception as error:
            logger.warning("the last acknowledgements may be lost: %r", error)
        super().on_stop()

    def _drain(self) -> None:
        end: float | None = None
        while self._hub is not None and (end is None or time.monotonic() < end):
            if end is None and not self._running:
                end = time.monotonic() + _LAST_ACKS_SECONDS
                self._hub.call_later(_LAST_ACKS_SECONDS, _wake)
            self._hub.run_once()


def _wake() -> None:
    """Ends the loop's wait for events."""
