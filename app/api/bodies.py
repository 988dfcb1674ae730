"""Request bodies on their way in: their size and time are bounded, and what nobody wants is drained.

A client that is still sending when it is answered may see a broken connection instead of the answer. So before an
answer goes out, what is left of the body is read, up to a bound.
"""

import asyncio
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import Problem

MIB = 1024 * 1024
PHOTO_BYTES = 10 * MIB
JSON_BYTES = 16 * 1024

_FORM_BYTES = 64 * 1024
"""What a form needs beside the photo: boundaries, part headers, the text."""

_DRAINED_BYTES = 32 * MIB
_DRAINED_SECONDS = 30
_LINGER_SECONDS = 2
"""How long a client whose time is up may send on, so that it sees the answer."""

_SEND_SECONDS = 30
"""How long a client may leave a piece of an answer unread."""


def too_large(limit: str) -> Problem:
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", f"The {limit} is the most that is taken.")


def body_limit(content_type: str) -> tuple[int, Problem]:
    """The most bytes of a body of this type, and what its sender is told above it."""
    if content_type == "multipart/form-data":
        return PHOTO_BYTES + _FORM_BYTES, too_large(f"photo is too large: {PHOTO_BYTES // MIB} MB")
    return JSON_BYTES, too_large(f"JSON document is too large: {JSON_BYTES // 1024} KB")


class Body:
    """One request's body. As a ``Receive`` it raises once more than ``limit_bytes`` have come."""

    def __init__(self, receive: Receive, *, is_expected_by_100_continue: bool) -> None:
        self._receive = receive
        self._waits_for_us = is_expected_by_100_continue
        self._bytes = 0
        self._is_whole = False
        self._limit: tuple[int, Problem] | None = None

    def bound(self, limit_bytes: int, problem: Problem) -> None:
        self._limit = (limit_bytes, problem)

    async def __call__(self) -> Message:
        message = await self._next()
        if self._limit is not None and self._bytes > self._limit[0]:
            raise self._limit[1]
        return message

    async def _next(self) -> Message:
        message = await self._receive()
        self._waits_for_us = False
        self._bytes += len(message.get("body", b""))
        if not message.get("more_body", False):
            self._is_whole = True
        return message

    async def drain(self, seconds: float = _DRAINED_SECONDS) -> bool:
        """Reads what is left. False if the client goes on sending after all."""
        # Asked for more, a client that waits for "100 Continue" would begin to send.
        if self._waits_for_us:
            return False
        try:
            async with asyncio.timeout(seconds):
                while not self._is_whole and self._bytes < _DRAINED_BYTES:
                    await self._next()
        except TimeoutError:
            return False
        return self._is_whole


class Answer:
    """The answer to a request with a body: as a ``Send`` it cares for what is left of the body."""

    def __init__(self, body: Body, send: Send) -> None:
        self._body = body
        self._send = send
        self._is_to_slow_client = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # Who was too slow has had their time, and is told at once.
            self._is_to_slow_client = message["status"] == HTTPStatus.REQUEST_TIMEOUT
            if self._is_to_slow_client or not await self._body.drain():
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        elif self._is_to_slow_client and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._body.drain(_LINGER_SECONDS)
            message = {"type": "http.response.body"}
        await self._send(message)


class BoundedTraffic:
    """Middleware: puts a ``Body`` before every request with a body, and lets no client hold an answer for ever."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        has_body = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
        body = Body(receive, is_expected_by_100_continue=b"expect" in headers) if has_body else None
        scope.setdefault("state", {})["body"] = body
        if b"range" in headers:
            # All that is served is small. Nobody needs to deal with pieces of it, or with errors in the wish for them.
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"range"]

        async def send_bounded(message: Message) -> None:
            async with asyncio.timeout(_SEND_SECONDS):
                await send(message)

        answer = send_bounded if body is None else Answer(body, send_bounded)
        try:
            await self._app(scope, body or receive, answer)
        except (ClientDisconnect, TimeoutError):
            # The client has gone, or might as well have: there is nobody to tell.
            return
