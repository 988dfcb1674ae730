"""Going over a queue without taking it apart: each message is looked at once, and what is not settled goes back."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Any

from kombu import Connection

from app.deadletters.letters import Letter

_WINDOW = 1000
"""Messages that one consumer may hold. Taking them singly (basic.get) holds them too, but in a quorum queue each of
those slows the next one down: 100 a second are left at 30,000 held, where consumers keep at 10,000 a second."""

_SILENCE_SECONDS = 5.0
"""When nothing has come for so long, somebody else holds the rest."""


class Walk:
    """Goes once over the ``length`` messages that lie ready in a queue, oldest first, in a ``with`` block.

    ``connection`` is the walk's alone and without heartbeats: it is not read while the caller is busy, which keeps what
    the broker sends from piling up here. At the end of the block the broker puts back, in their old places, all
    messages that were not settled.
    """

    def __init__(self, connection: Connection, queue: str, *, length: int, window: int = _WINDOW) -> None:
        self._connection = connection
        self._queue = queue
        self.length = length
        self._window = window
        self._channels: list[Any] = []
        self._arrived: deque[Letter] = deque()
        self._held = 0
        self._is_over = False

    def __enter__(self) -> "Walk":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._is_over = True
        self._arrived.clear()
        for channel in self._channels:
            if channel.connection:
                # Answered after the acknowledgements that were sent before.
                channel.close()

    def __iter__(self) -> Iterator[Letter]:
        for _ in range(self.length):
            letter = self._next()
            if letter is None:
                return
            yield letter

    def settle(self, letters: Sequence[Letter]) -> None:
        """Takes letters out of the queue for good."""
        for letter in letters:
            letter.channel.basic_ack(letter.tag)
        self._held -= len(letters)

    def _next(self) -> Letter | None:
        if not self._arrived and self._held >= self._window * len(self._channels):
            self._add_consumer()
        patience_ends = time.monotonic() + _SILENCE_SECONDS
        while not self._arrived:
            try:
                self._connection.drain_events(timeout=max(0.01, patience_ends - time.monotonic()))
            except TimeoutError:
                return None
        return self._arrived.popleft()

    def _add_consumer(self) -> None:
        channel = self._connection.channel()
        self._channels.append(channel)
        channel.basic_qos(0, self._window, False)
        channel.basic_consume(self._queue, callback=partial(self._on_message, channel))

    def _on_message(self, channel: Any, message: Any) -> None:
        if self._is_over:
            return
        self._held += 1
        properties = dict(message.properties)
        headers = properties.pop("application_headers", None) or {}
        self._arrived.append(
            Letter(
                shelf=self._queue,
                body=_bytes(message.body),
                properties=properties,
                headers=_plain(headers),
                routing_key=message.delivery_info["routing_key"],
                channel=channel,
                tag=message.delivery_info["delivery_tag"],
            )
        )


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)


def _plain(value: Any) -> Any:
    """Bytes that are no text come as views of the buffer, which cannot be sent again."""
    if isinstance(value, dict):
        return {str(_plain(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return bytes(value) if isinstance(value, memoryview) else value
