"""Bodies that do not come: over a real socket, with all that stands between it and the app."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from app.api import uploads
from app.api.connections import Connection
from app.api.parts import get_parts
from app.api.pictures import Pictures
from app.api.uploads import Uploads
from tests.unit.app.conftest import Api

SECONDS = 0.3
PLACES = 2
HEAD = b"POST /classify/async HTTP/1.1\r\nX-User-ID: u1\r\nContent-Type: "
PART = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
SLOW_BODIES = [
    pytest.param(HEAD + b"application/json\r\nContent-Length: 1000\r\n\r\n", id="JSON"),
    pytest.param(HEAD + b"multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n" + PART, id="form"),
    pytest.param(HEAD + b"application/json\r\nTransfer-Encoding: chunked\r\n\r\n", id="chunks"),
]
Talk = Callable[[int], Awaitable[None]]


@pytest.fixture
def serve(api: Api) -> Callable[[Talk], None]:
    """Runs the API, with little patience, and a conversation with its port."""
    app: Any = api.client.app
    parts = replace(
        app.dependency_overrides[get_parts](), uploads=Uploads(Pictures(), at_a_time=PLACES, seconds=SECONDS)
    )
    app.dependency_overrides[get_parts] = lambda: parts

    async def run(talking: Talk) -> None:
        config = uvicorn.Config(app, http=Connection, ws="none", log_config=None)
        config.load()
        made = lambda: Connection(config=config, server_state=ServerState(), app_state={})  # noqa: E731
        server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
        async with asyncio.timeout(8):
            await talking(server.sockets[0].getsockname()[1])
        server.close()

    def served(talking: Talk) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(talking))

    return served


async def drip(port: int, start: bytes) -> tuple[int, Any]:
    """Sends a byte now and then until it is answered; the status and the document of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(start)

    async def send() -> None:
        while True:
            writer.write(b"1\r\nx\r\n" if b"chunked" in start else b"x")
            await asyncio.sleep(0.02)

    sending = asyncio.create_task(send())
    # It is answered meanwhile, and goes on.
    await asyncio.sleep(SECONDS + 0.2)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert "connection: close" in head
    document = json.loads(await reader.readexactly(int(head.split("content-length: ")[1].split()[0])))
    sending.cancel()
    writer.close()
    return int(head.split()[1]), document


@pytest.mark.parametrize("start", SLOW_BODIES)
def test_a_body_that_comes_byte_by_byte_is_cut_off(serve: Any, api: Api, start: bytes) -> None:
    async def talking(port: int) -> None:
        began = time.monotonic()
        status, document = await drip(port, start)
        assert (status, document["type"]) == (408, "urn:eco2:problem:too-slow")
        assert SECONDS <= time.monotonic() - began < SECONDS + 1

    serve(talking)
    assert not api.scans.scans


def test_slow_bodies_give_their_places_back(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_PLACE_SECONDS", 2 * SECONDS)

    async def talking(port: int) -> None:
        answers = await asyncio.gather(*(drip(port, SLOW_BODIES[0].values[0]) for _ in range(2 * PLACES)))
        assert [status for status, _ in answers] == [408] * 2 * PLACES

    serve(talking)
