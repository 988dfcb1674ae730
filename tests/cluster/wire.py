"""Clients that do not keep to the rules: bytes on a socket, and what came back."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx

from tests.cluster.clients import Json

_PATIENCE_SECONDS = 30
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    status: int
    media_type: str
    document: Json


@dataclass(frozen=True)
class Wire:
    """One connection to the API."""

    socket: socket.socket

    def send(self, data: bytes) -> None:
        """All of it, or as much as the other side takes before it closes."""
        with suppress(ConnectionError):
            self.socket.sendall(data)

    def answer(self) -> Answer:
        """The next answer, which has a JSON document and a length."""
        head, rest = self._until(b"\r\n\r\n", b"")
        length = _LENGTH.search(head + b"\r\n")
        assert length, f"no answer: {head!r}"
        while len(rest) < int(length[1]):
            rest += self._some()
        headers = httpx.Headers([tuple(line.split(b": ", 1)) for line in head.split(b"\r\n")[1:]])
        return Answer(int(head.split()[1]), headers["content-type"], json.loads(rest[: int(length[1])]))

    def is_closed(self) -> bool:
        """Waits for the other side to close."""
        with suppress(ConnectionError):
            while self.socket.recv(65536):
                pass
        return True

    def _until(self, mark: bytes, data: bytes) -> tuple[bytes, bytes]:
        while mark not in data:
            data += self._some()
        head, _, rest = data.partition(mark)
        return head, rest

    def _some(self) -> bytes:
        data = self.socket.recv(65536)
        assert data, "the connection was closed before there was an answer"
        return data


@contextmanager
def wire(url: httpx.URL, *, receive_bytes: int | None = None) -> Iterator[Wire]:
    """A connection. With ``receive_bytes`` the kernel keeps little of what is not read."""
    with socket.socket() as opened:
        if receive_bytes is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        opened.settimeout(_PATIENCE_SECONDS)
        opened.connect((url.host, url.port or 80))
        yield Wire(opened)
