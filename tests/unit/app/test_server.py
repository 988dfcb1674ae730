"""The server's way out, over real sockets: clients that keep their connection lose no request."""

import asyncio
import contextlib
import signal
import socket
import time
from types import SimpleNamespace
from typing import Any

import httpx
import uvicorn

from app.api import server
from app.api.connections import Connection
from app.api.server import Server


class App:
    """Answers everything, and is told that the streams are to end."""

    def __init__(self) -> None:
        self.closed = False
        self.state = SimpleNamespace(hub=SimpleNamespace(close=self._close))

    def _close(self) -> None:
        self.closed = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})


class Serving:
    """A server within the block, told to end by ``end``."""

    async def __aenter__(self) -> "Serving":
        self.app = App()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.server = Server(uvicorn.Config(self.app, http=Connection, lifespan="off", log_config=None))  # type: ignore[arg-type]
        self._served = asyncio.create_task(self.server._serve([self._listener]))
        while not self.server.started:
            await asyncio.sleep(0.01)
        return self

    def end(self) -> None:
        self.server.handle_exit(signal.SIGTERM, None)

    async def ended(self) -> float:
        """Seconds until it has ended."""
        begun = time.monotonic()
        await self._served
        return time.monotonic() - begun

    async def __aexit__(self, *_: object) -> None:
        self.server.should_exit = self.server.force_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await self._served


async def asks_until_told_to_leave(http: httpx.AsyncClient) -> int:
    """How often it asked on its one connection, until an answer said that it was the last."""
    asked = 0
    while True:
        answer = await http.post("/", content=b"{}")
        assert answer.status_code == 202
        asked += 1
        if answer.headers.get("connection") == "close":
            return asked
        await asyncio.sleep(0.05)


def test_clients_that_keep_their_connections_are_told_to_leave_and_lose_nothing() -> None:
    async def run() -> None:
        async with Serving() as serving, contextlib.AsyncExitStack() as clients:
            https = [
                await clients.enter_async_context(httpx.AsyncClient(base_url=serving.url, timeout=5)) for _ in range(20)
            ]
            asking = [asyncio.create_task(asks_until_told_to_leave(http)) for http in https]
            await asyncio.sleep(0.3)
            assert not any(one.done() for one in asking), "told to leave before the server ends"
            serving.end()
            asked = await asyncio.gather(*asking)
            assert all(count > 1 for count in asked)
            assert serving.app.closed

    asyncio.run(run())


def test_a_client_whose_node_does_not_know_yet_is_answered_as_well() -> None:
    async def run() -> None:
        async with Serving() as serving:
            serving.end()
            await asyncio.sleep(0.3)
            async with httpx.AsyncClient(base_url=serving.url) as http:
                answer = await http.post("/", content=b"{}")
            assert (answer.status_code, answer.headers["connection"]) == (202, "close")

    asyncio.run(run())


def test_a_client_that_stays_silent_does_not_hold_up_the_end(monkeypatch: Any) -> None:
    monkeypatch.setattr(server, "PARTING_SECONDS", 0.5)

    async def run() -> None:
        async with Serving() as serving, httpx.AsyncClient(base_url=serving.url) as http:
            await http.post("/", content=b"{}")
            serving.end()
            assert 0.4 < await serving.ended() < 2.0

    asyncio.run(run())
