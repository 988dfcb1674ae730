"""Publishing that ends in a broker's confirm.

Celery treats a publish that fails inside a task like a failure of the task: the next link of a chain is lost with an
acknowledged message. Here such a publish is tried until the broker confirms it, in the task's own thread: nothing else
could be published meanwhile either. Only the end of the process ends the patience, and then the task's message is given
back to the broker.

A broker confirms also what no binding takes. Every message here is mandatory, so that it comes back as a failure: it
waits for its binding where the topology is not there yet, or not any more.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from amqp.exceptions import AMQPError, MessageNacked
from celery import Celery
from celery.exceptions import Reject
from kombu import Producer
from kombu.entity import PERSISTENT_DELIVERY_MODE
from kombu.exceptions import LimitExceeded, OperationalError

from app.tracing.messages import carried, sending

logger = logging.getLogger(__name__)

CONFIRM_SECONDS = 10
"""How long the broker may take to confirm. An idle one takes 3 ms, one with a disk alarm never does."""

PUBLISHED_AT = "eco2-published-at"
"""The header of each message with the time at which it was sent, in seconds since the epoch."""

DELIVERY_COUNT = "x-delivery-count"
"""The broker's header with the number of deliveries that came to nothing; not there at the first one."""

BROKERS_OWN = (DELIVERY_COUNT, "x-acquired-count")
"""Headers that tell of this message what is not true of another one, though it be published in its place."""

SPAN = "eco2_span"
"""The attribute of a task's request with the traceparent of its work: the next link is published after its end."""

_POOL_SECONDS = 30
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0

FAILURES = (OperationalError, AMQPError, MessageNacked, LimitExceeded, OSError)
"""What a publish raises that did not end in a confirm. The message may have arrived all the same."""

T = TypeVar("T")


class ConfirmingCelery(Celery):
    """Celery whose publishes return when the broker has confirmed them.

    Outside a task one attempt is made, which raises one of ``FAILURES``. Inside a task attempts go on until one is
    confirmed; when ``going_down`` is set, the next failure raises ``Reject``, which gives the message back.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.going_down = threading.Event()

    def send_task(self, name: str, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        send_task = super().send_task
        given = {key: value for key, value in (options.get("headers") or {}).items() if key not in BROKERS_OWN}
        with sending(*self._destination(name, options), parent=self._span_of_task()) as span:
            headers = carried(given, span)

            def send(producer: Producer) -> Any:
                ours = {
                    "headers": headers | {PUBLISHED_AT: time.time()},
                    "producer": producer,
                    "retry": False,
                    "confirm_timeout": CONFIRM_SECONDS,
                    "mandatory": True,
                    # Else each publish subscribes to a result that nobody reads.
                    "ignore_result": True,
                }
                return send_task(name, args, kwargs, **options | ours)

            return self._published(name, send)

    def _destination(self, name: str, options: Mapping[str, Any]) -> tuple[str, str]:
        """Exchange and routing key."""
        route = (self.conf.task_routes or {}).get(name, {})
        exchange, key = (options.get(part) or route.get(part) or "" for part in ("exchange", "routing_key"))
        return str(exchange), str(key)

    def _span_of_task(self) -> object:
        return getattr(getattr(self.current_worker_task, "request", None), SPAN, None)

    def send_event(self, exchange: str, body: bytes, *, content_type: str, message_id: str) -> None:
        """Publishes a message that is no task's to a fanout exchange, as ``send_task`` does with tasks."""

        def send(producer: Producer) -> None:
            producer.publish(
                body,
                exchange=exchange,
                routing_key="",
                content_type=content_type,
                content_encoding="utf-8",
                message_id=message_id,
                delivery_mode=PERSISTENT_DELIVERY_MODE,
                retry=False,
                confirm_timeout=CONFIRM_SECONDS,
                mandatory=True,
            )

        self._published(exchange, send)

    def _published(self, what: str, send: Callable[[Producer], T]) -> T:
        def publish() -> T:
            return self._once(send)

        return publish() if self.current_worker_task is None else self._until_confirmed(what, publish)

    def _once(self, send: Callable[[Producer], T]) -> T:
        with self.producer_pool.acquire(block=True, timeout=_POOL_SECONDS) as producer:
            try:
                return send(producer)
            except FAILURES:
                # A confirm that comes late would be taken for the next message's: this channel must not be used again.
                producer.connection.collect(socket_timeout=1)
                raise

    def _until_confirmed(self, name: str, publish: Callable[[], T]) -> T:
        for attempt, wait in enumerate(_waits(), start=1):
            try:
                return publish()
            except FAILURES as failure:
                if attempt == 3:
                    logger.warning("publishing %s has failed three times and goes on: %r", name, failure)
                if self.going_down.wait(wait):
                    raise Reject(f"the worker goes down before {name} could be published", requeue=True) from failure
        raise AssertionError("the waits never end")


def _waits() -> Iterator[float]:
    """Seconds between attempts. None before the second: a pooled connection may have died in its sleep."""
    yield 0.0
    wait = _FIRST_WAIT_SECONDS
    while True:
        yield random.uniform(wait / 2, wait)
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
