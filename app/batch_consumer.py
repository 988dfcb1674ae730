"""The loop that consumes a quorum queue in batches: connection, heartbeats, and an orderly end.

The loop never waits for the store, so that the broker hears its heartbeats throughout an outage. It holds the
unacknowledged messages meanwhile; after 30 minutes the broker takes them back and delivers them again.
"""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic

from amqp.exceptions import AMQPError
from kombu import Connection
from kombu.exceptions import OperationalError

from app.batches import Batches, E, Limits, Outage, Read, Save
from app.health import ConsumerHealth

logger = logging.getLogger(__name__)

_FAILURES = (AMQPError, OperationalError, OSError)
_LOOK_SECONDS = 0.5
"""So long the loop listens at a time, and so late it may notice that it is to end."""
_SAVING_LOOK_SECONDS = 0.02
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 4.0
_LAST_ACKS_SECONDS = 0.5
"""RabbitMQ drops acknowledgements that it has not yet passed to a quorum queue when their channel closes."""


class BatchConsumer(Generic[E]):
    """Consumes ``queue`` in the thread that calls ``run``. ``connection`` is its alone."""

    def __init__(
        self,
        connection: Connection,
        queue: str,
        *,
        read: Read[E],
        save: Save[E],
        health: ConsumerHealth,
        limits: Limits,
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._read = read
        self._save = save
        self._health = health
        self._limits = limits
        self._stopping = threading.Event()
        self._saver = ThreadPoolExecutor(1, thread_name_prefix="saver")

    def stop(self) -> None:
        """What is in hand is still saved; may be called by a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Until ``stop``; a broker that is away is waited for."""
        wait = _FIRST_WAIT_SECONDS
        while not self._stopping.is_set():
            self._health.connecting()
            try:
                with self._connection.clone() as connection:
                    connection.connect()
                    self._consume(connection)
            except _FAILURES as failure:
                # What was in hand is delivered again. For example a right or a queue may not be there yet.
                logger.warning("%s is not consumed: %r", self._queue, failure)
                wait = _FIRST_WAIT_SECONDS if self._health.is_ready else min(wait * 2, _LONGEST_WAIT_SECONDS)
                self._stopping.wait(wait)
        self._health.going_down()
        self._saver.shutdown(cancel_futures=True)

    def _consume(self, connection: Connection) -> None:
        channel = connection.channel()
        # Bodies are taken as they come: whatever a header claims, nothing is decoded or unpacked before it is checked.
        channel.auto_decode = False
        batches = Batches(
            queue=self._queue,
            channel=channel,
            read=self._read,
            save=self._save,
            submit=self._saver.submit,
            limits=self._limits,
        )
        channel.basic_qos(0, self._limits.prefetch, False)
        consumer_tag = channel.basic_consume(self._queue, callback=batches.take)
        self._health.consuming()
        while not self._stopping.is_set():
            self._go_round(connection, batches)
        self._end(connection, channel, consumer_tag, batches)

    def _go_round(self, connection: Connection, batches: Batches[E]) -> None:
        due = batches.seconds_until_due()
        look = _SAVING_LOOK_SECONDS if batches.is_saving else min(_LOOK_SECONDS, _LOOK_SECONDS if due is None else due)
        with suppress(TimeoutError):
            # 0 would mean to wait for ever.
            connection.drain_events(timeout=max(look, 0.001))
        connection.heartbeat_check()
        self._health.beat()
        batches.step()

    def _end(self, connection: Connection, channel: Any, consumer_tag: str, batches: Batches[E]) -> None:
        self._health.going_down()
        channel.basic_cancel(consumer_tag)
        batches.is_ending = True
        try:
            while not batches.is_empty:
                self._go_round(connection, batches)
        except Outage as outage:
            logger.warning("the messages in hand go back to the broker: %s", outage)
        time.sleep(_LAST_ACKS_SECONDS)
