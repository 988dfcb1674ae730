"""Keeps what a process holds in memory current, by messages of a fanout exchange.

The order is what makes it right: the queue is bound first, then the source is loaded, then the messages that have
gathered in the queue meanwhile are applied. A change is published after it is in the source, so it is either loaded or
comes as a message, or both: which of two states is newer is for ``apply`` to see. Every new connection begins anew.

A connection can outlive its queue. While brokers do not see each other, each side deletes what belongs to connections
of the other one; a consumer whose broker was cut off is not told, and would hear nothing for ever. So it looks.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kombu import Connection, Consumer, Exchange, Queue
from kombu.message import Message

from app.broker import opened
from app.topology import anonymous_queue

logger = logging.getLogger(__name__)

Load = Callable[[], None]
"""Replaces everything by what the source has now. May raise anything: then it is called again."""

Apply = Callable[[bytes], bool]
"""Applies one message; False when only a new load can tell: a message that asks for one, or that cannot be read.

Called while the load's result may already hold this change, or a newer one.
"""

_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 1.0
"""So often the loop goes round at least. Heartbeats want it about once a second."""
_QUEUE_SECONDS = 5.0
"""So often it looks whether the queue is still there: one question to the broker."""


def _nothing() -> None:
    pass


class FanoutListener:
    """Listens in a thread of its own, on a connection of its own, until ``stop``.

    ``on_synced`` is called after the first load of each connection, ``on_lost`` when the connection is gone: from then
    on changes are missed until the next ``on_synced``. Every ``refresh_seconds`` the source is loaded anew, for a
    change whose publisher died before it could publish.
    """

    def __init__(
        self,
        connection: Connection,
        exchange: str,
        *,
        load: Load,
        apply: Apply,
        on_synced: Callable[[], None] = _nothing,
        on_lost: Callable[[], None] = _nothing,
        refresh_seconds: float = 60,
    ) -> None:
        self._connection = connection
        self._exchange = exchange
        self._load = load
        self._apply = apply
        self._on_synced = on_synced
        self._on_lost = on_lost
        self._refresh_seconds = refresh_seconds
        self._stopping = threading.Event()
        self._is_synced = False
        self._is_stale = True
        self._is_loading = False
        self._loaded_at = 0.0
        self._looked_at = 0.0
        self._last_beat = time.monotonic()
        self._last_complaint = ""

    @property
    def is_synced(self) -> bool:
        """Connected and loaded: a change is known as soon as its message is here."""
        return self._is_synced

    @property
    def silence_seconds(self) -> float:
        """Since when the loop has not gone round. Some seconds are usual while the broker is away.

        A load is no silence, however long it takes: how long to wait for its source is the load's own decision.
        """
        return 0.0 if self._is_loading else time.monotonic() - self._last_beat

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"listens to {self._exchange}", daemon=True).start()

    def stop(self) -> None:
        """Ends the thread within about a second."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._beat()
            try:
                with opened(self._connection) as connection:
                    self._listen(connection)
            except Exception as error:
                # Whatever it is, a right that is missing for a moment included, is no reason to go deaf for ever.
                self._complain(f"hears nothing of {self._exchange}", error)
            if self._is_synced:
                self._is_synced = False
                self._on_lost()
            self._stopping.wait(_RETRY_SECONDS)

    def _listen(self, connection: Connection) -> None:
        channel = connection.channel()
        queue = Queue(
            anonymous_queue(self._exchange),
            Exchange(self._exchange, "fanout", no_declare=True),
            durable=False,
            exclusive=True,
            auto_delete=True,
        )(channel)
        queue.declare()
        self._looked_at = time.monotonic()
        while not self._load_anew() and not self._stopping.is_set():
            self._go_round(connection, queue)
        Consumer(channel, [queue], no_ack=True, on_message=self._on_message, auto_declare=False).consume()
        while not self._stopping.is_set():
            self._go_round(connection, queue)
            if self._is_stale or time.monotonic() - self._loaded_at > self._refresh_seconds:
                self._load_anew()

    def _go_round(self, connection: Connection, queue: Queue) -> None:
        """Deals with what has come, waiting a second for it. Before there is a consumer, these are heartbeats alone.

        Raises what the connection raises, and when the queue is gone.
        """
        self._beat()
        with suppress(TimeoutError):
            connection.drain_events(timeout=_LOOK_SECONDS)
        connection.heartbeat_check()
        if time.monotonic() - self._looked_at > _QUEUE_SECONDS:
            queue.queue_declare(passive=True)
            self._looked_at = time.monotonic()

    def _load_anew(self) -> bool:
        self._loaded_at = time.monotonic()
        self._is_loading = True
        try:
            self._load()
        except Exception as error:
            self._is_stale = True
            self._complain("cannot load", error)
            return False
        finally:
            self._beat()
            self._is_loading = False
        self._is_stale = False
        self._last_complaint = ""
        if not self._is_synced:
            self._is_synced = True
            logger.info("is in step with %s", self._exchange)
            self._on_synced()
        return True

    def _on_message(self, message: Message) -> None:
        body: Any = message.body
        try:
            is_applied = self._apply(body if isinstance(body, bytes) else str(body).encode())
        except Exception:
            logger.exception("a message of %s could not be applied", self._exchange)
            is_applied = False
        if not is_applied:
            self._is_stale = True

    def _beat(self) -> None:
        self._last_beat = time.monotonic()

    def _complain(self, what: str, error: Exception) -> None:
        """Once for each reason: it is tried again every second."""
        complaint = f"{what}: {error!r}"
        if complaint != self._last_complaint:
            logger.warning(complaint)
        self._last_complaint = complaint
