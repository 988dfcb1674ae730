"""One client's connection: what may come in before it is a request, and how much of it.

The app sees whole heads alone. So these, and all else that is no body, are bounded here, in size and time, and what is
no request is answered with a problem document as well.
"""

import asyncio
import socket
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.api.metrics import REQUESTS, UNKNOWN_ROUTE
from app.api.problems import Problem, problem_response

HEAD_BYTES = 32 * 1024
"""The most of a request line and headers, or of the trailers and chunk heads between two pieces of a body.

So much is read at a time, and kept of a body until the app asks for it; by itself uvloop reads 256 KB. A head that
begins in the middle of what was read is counted from the next piece on.
"""

HEAD_SECONDS = 10.0
"""From the first byte of a head, or the beginning of the connection, to the end of the head."""

_PIPELINED_REQUESTS = 16
"""Requests that may wait behind the one that is answered. Each of them takes some 4 KB, however small it came in."""

_LINGER_SECONDS = 2.0
_LINGER_BYTES = 1024 * 1024
"""A client that is still sending when its connection is closed loses the answer: so it may send on for a moment."""

_UNREAD_SECONDS = 30
"""How long the kernel keeps what a client neither reads nor acknowledges. Then the connection is gone."""


class Connection(HttpToolsProtocol):
    """For ``uvicorn.Config(http=...)``."""

    _raw_bytes = 0
    """What the parser was given since it last came to the end of something."""
    _has_moved = False
    """Whether it did with what it is given now."""

    _fault: Problem | None = None
    """Why the parser was stopped, if that was from here."""
    _refusal: Problem | None = None
    """Once it is set, nothing is parsed any longer."""

    _head_timer: asyncio.TimerHandle | None = None
    _linger_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        opened: socket.socket = transport.get_extra_info("socket")
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_SECONDS * 1000)
        transport.set_protocol(_SmallReads(self))
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        super().connection_lost(exc)

    def wanted_bytes(self) -> int:
        """How much may be given to ``data_received`` at most."""
        return HEAD_BYTES if self._refusal is not None else HEAD_BYTES - self._raw_bytes

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            self._ignore(data)
            return
        self._has_moved = False
        super().data_received(data)
        self._raw_bytes = 0 if self._has_moved else self._raw_bytes + len(data)
        if self._raw_bytes >= HEAD_BYTES:
            self._refuse(
                Problem(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    "head-too-large",
                    "The address and the headers of a request are too large together: "
                    f"{HEAD_BYTES // 1024} KB is the most that is taken.",
                )
            )
        elif self._refusal is None:
            self._watch()

    def _is_answering(self) -> bool:
        """Whether the last request that came is still without its whole answer."""
        return self.cycle is not None and not self.cycle.response_complete

    def _watch(self) -> None:
        """Bounds what the client does next."""
        if self._is_answering() and self.cycle.more_body and self.cycle.body:
            # Until the app asks for it.
            self.flow.pause_reading()
        if not self._raw_bytes:
            self._stop_head_timer()
        elif self._head_timer is None:
            self._start_head_timer()

    def on_headers_complete(self) -> None:
        self._check()
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False
        # What follows a body must not be taken for headers.
        self.headers = []
        self._has_moved = True

    def _check(self) -> None:
        """Stops the parser at a request that is not for it."""
        if len(self.pipeline) >= _PIPELINED_REQUESTS:
            self._fault = Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-pipelined",
                "Too many requests were sent without waiting for their answers.",
            )
        elif self.parser.should_upgrade() and any(name in _BODY_HEADERS for name, _ in self.headers):
            self._fault = Problem(
                HTTPStatus.BAD_REQUEST,
                "upgrade-with-body",
                "A request with a body cannot ask for another protocol: send it without the header Upgrade.",
            )
        if self._fault is not None:
            raise ValueError(self._fault.name)

    def on_body(self, body: bytes) -> None:
        self._has_moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._has_moved = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refusal is not None and not self._is_answering():
            self._send_refusal(self._refusal)

    def send_400_response(self, msg: str) -> None:
        """uvicorn's way of telling that the parser has stopped."""
        no_request = Problem(HTTPStatus.BAD_REQUEST, "no-http-request", "What was sent is no request of HTTP/1.1.")
        self._refuse(self._fault or no_request)

    def _unsupported_upgrade_warning(self) -> None:
        """Clients may offer other protocols with every request. It is answered in the one that they came with."""

    def _refuse(self, problem: Problem) -> None:
        """Answers with ``problem`` after the requests that came before, and closes the connection."""
        self._refusal = problem
        self._stop_head_timer()
        if not self._is_answering():
            self._send_refusal(problem)
        elif not self.cycle.more_body:
            # The last request is whole: it is answered first.
            return
        elif self.cycle.response_started or self.pipeline:
            self.transport.close()
        else:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._send_refusal(problem)

    def _send_refusal(self, problem: Problem) -> None:
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        REQUESTS.labels(UNKNOWN_ROUTE, int(problem.status)).inc()
        response = problem_response(problem)
        headers = [*self.server_state.default_headers, *response.raw_headers, (b"connection", b"close")]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"".join((STATUS_LINE[problem.status], lines, b"\r\n", response.body)))
        self.transport.write_eof()
        self.flow.resume_reading()
        self._raw_bytes = 0
        self._linger_timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _ignore(self, data: bytes) -> None:
        self._raw_bytes += len(data)
        if self._linger_timer is not None and self._raw_bytes > _LINGER_BYTES:
            self.transport.abort()

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._on_slow_head)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_slow_head(self) -> None:
        if self._is_answering():
            # Reading may be paused until the answer is out, so that it is not the client who is slow.
            self._start_head_timer()
        elif self._raw_bytes:
            self._refuse(
                Problem(
                    HTTPStatus.REQUEST_TIMEOUT,
                    "head-too-slow",
                    f"The headers of the request were not complete within {HEAD_SECONDS:g} s.",
                )
            )
        else:
            self.transport.close()


_BODY_HEADERS = (b"content-length", b"transfer-encoding")


class _SmallReads(asyncio.BufferedProtocol):
    """Stands between the transport and a connection, because only such a protocol says how much is read at a time."""

    _buffer = memoryview(bytearray(HEAD_BYTES))
    """Of all connections: what was read is handed on before anything else is read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.connection_lost = connection.connection_lost  # type: ignore[method-assign]
        self.eof_received = connection.eof_received  # type: ignore[method-assign]
        self.pause_writing = connection.pause_writing  # type: ignore[method-assign]
        self.resume_writing = connection.resume_writing  # type: ignore[method-assign]

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[: self._connection.wanted_bytes()]

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.data_received(bytes(self._buffer[:nbytes]))
