"""What may come in before it is a request: over a real socket, with the event loop that the API runs on."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from uvicorn.server import ServerState

from app.api import connections
from app.api.connections import HEAD_BYTES, Connection

GET = b"GET / HTTP/1.1\r\nHost: eco2\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: eco2\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: eco2\r\nTransfer-Encoding: chunked\r\n\r\n"
SLOW_SECONDS = 0.3
LARGE = 20_000_000
"""More than the sockets' buffers hold."""


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Tells what it was asked."""
    request = Request(scope, receive)
    if request.url.path == "/slow":
        await asyncio.sleep(SLOW_SECONDS)
        await JSONResponse({"path": "/slow"})(scope, receive, send)
        return
    if request.url.path == "/large":
        await Response(bytes(LARGE))(scope, receive, send)
        return
    body = await request.body()
    seen = {"path": request.url.path, "bytes": len(body), "headers": len(scope["headers"])}
    await JSONResponse(seen)(scope, receive, send)


class Client:
    """Speaks bytes, and reads answers one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connections: set[Any]) -> None:
        self.reader = reader
        self.writer = writer
        self.connections = connections

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_in_two(self, data: bytes, first: int) -> None:
        await self.send(data[:first])
        await asyncio.sleep(0.05)
        await self.send(data[first:])

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers["content-length"]))
        return int(status.split()[1]), headers, json.loads(body)

    async def problem(self, status: int) -> Any:
        """The refusal that is the last of this connection."""
        answered, headers, document = await self.answer()
        assert (answered, document["status"]) == (status, status), document
        assert headers["content-type"] == "application/problem+json"
        assert document["detail"].endswith(".")
        await self.closed()
        return document

    async def closed(self) -> None:
        async with asyncio.timeout(5):
            assert await self.reader.read() == b"", "more was sent than one answer"

    async def gone(self) -> None:
        """The server has forgotten this client."""
        async with asyncio.timeout(5):
            while self.connections:
                await asyncio.sleep(0.01)


Talk = Callable[[Client], Awaitable[None]]


@asynccontextmanager
async def client() -> AsyncIterator[Client]:
    """A connection to a server of its own."""
    config = uvicorn.Config(echo, http=Connection, ws="none", log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    connected = Client(reader, writer, state.connections)
    try:
        yield connected
    finally:
        writer.close()
        server.close()
    await connected.gone()


def talk(talking: Talk) -> None:
    async def run() -> None:
        async with client() as connected:
            await talking(connected)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def head_of(size: int) -> bytes:
    start = b"GET / HTTP/1.1\r\nX: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


@pytest.fixture
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.15)


@pytest.mark.parametrize("first", [0, 100])
def test_the_largest_head_is_taken(first: int) -> None:
    async def talking(client: Client) -> None:
        await client.send_in_two(head_of(HEAD_BYTES), first)
        await client.send(GET)
        assert (await client.answer())[0] == 200
        assert (await client.answer())[0] == 200, "the connection should go on"

    talk(talking)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(head_of(HEAD_BYTES + 1), id="one byte more"),
        pytest.param(head_of(100_000), id="100 kB in a header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", id="many headers"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"x" * 900_000, id="a header's name without an end"),
        pytest.param(b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", id="a long address"),
        pytest.param(b"\r\n" * 100_000, id="empty lines"),
        pytest.param(GET + head_of(100_000), id="the second request"),
        pytest.param(CHUNKED + b"1;" + b"x" * 100_000, id="a chunk's extension"),
        pytest.param(CHUNKED + b"0\r\n" + b"X: y\r\n" * 20_000, id="trailers"),
    ],
)
def test_a_head_that_is_too_large_is_refused_and_its_sender_sees_why(head: bytes) -> None:
    async def talking(client: Client) -> None:
        await client.send(head)
        if head.startswith(GET):
            assert (await client.answer())[0] == 200
        await client.problem(431)

    talk(talking)


def test_a_head_that_comes_in_two_pieces_is_counted_as_one() -> None:
    async def talking(client: Client) -> None:
        await client.send_in_two(head_of(HEAD_BYTES + 1), 100)
        await client.problem(431)

    talk(talking)


def test_a_refused_client_that_stays_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_LINGER_SECONDS", 0.1)

    async def talking(client: Client) -> None:
        await client.send(b"garbage\r\n\r\n")
        await client.problem(400)
        await client.gone()

    talk(talking)


def test_an_endless_head_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_LINGER_SECONDS", 60)

    async def pour(client: Client) -> None:
        async with asyncio.timeout(5):
            while True:
                await client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 65536)

    with pytest.raises(ConnectionError):
        talk(pour)


@pytest.mark.usefixtures("short_times")
def test_a_head_that_comes_byte_by_byte_is_cut_off() -> None:
    async def talking(client: Client) -> None:
        start = time.monotonic()

        async def drip() -> None:
            for byte in head_of(1000):
                await client.send(bytes([byte]))
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        await client.problem(408)
        dripping.cancel()
        assert time.monotonic() - start < 1, "each byte must not begin the time anew"

    talk(talking)


@pytest.mark.usefixtures("short_times")
def test_the_second_head_of_a_connection_has_no_more_time_than_the_first() -> None:
    async def talking(client: Client) -> None:
        await client.send(GET)
        await client.answer()
        await client.send(b"GET / HT")
        await client.problem(408)

    talk(talking)


@pytest.mark.usefixtures("short_times")
def test_a_connection_on_which_nothing_comes_is_closed_without_a_word() -> None:
    talk(Client.closed)


@pytest.mark.usefixtures("short_times")
def test_a_connection_that_rests_between_requests_is_kept() -> None:
    async def talking(client: Client) -> None:
        await client.send(GET)
        await client.answer()
        await asyncio.sleep(0.3)
        await client.send(GET)
        assert (await client.answer())[0] == 200

    talk(talking)


@pytest.mark.usefixtures("short_times")
def test_the_time_of_a_head_does_not_run_while_an_answer_is_made() -> None:
    async def talking(client: Client) -> None:
        await client.send_in_two(SLOW + GET[:8], len(SLOW) + 7)
        await client.answer()
        await client.send(GET[8:])
        assert (await client.answer())[0] == 200

    talk(talking)


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), id="TLS"),
        pytest.param(b"EHLO eco2\r\n", id="SMTP"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"GET /\xff\xfe HTTP/1.1\r\n\r\n", id="bytes in an address"),
        pytest.param(b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n", id="NUL in a header"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", id="two lengths"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(CHUNKED + b"xyz\r\n", id="a chunk without a length"),
        pytest.param(b"CONNECT eco2:443 HTTP/1.1\r\n\r\n", id="CONNECT"),
        pytest.param(
            b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx",
            id="an upgrade with a body, which the parser would drop",
        ),
    ],
)
def test_what_is_no_request_gets_a_problem_document(garbage: bytes) -> None:
    async def talking(client: Client) -> None:
        await client.send(garbage)
        await client.problem(400)

    talk(talking)


def test_what_came_before_garbage_is_answered_first() -> None:
    async def talking(client: Client) -> None:
        await client.send(SLOW + GET + b"garbage")
        assert [(await client.answer())[2]["path"] for _ in range(2)] == ["/slow", "/"]
        await client.problem(400)

    talk(talking)


def test_a_broken_body_is_told_at_once_and_its_request_is_not_answered_as_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talking(client: Client) -> None:
        await client.send(CHUNKED.replace(b"/ ", b"/slow ", 1) + b"garbage\r\n")
        await client.problem(400)
        await asyncio.sleep(2 * SLOW_SECONDS)

    talk(talking)
    assert [record.message for record in caplog.records] == ["Invalid HTTP request received."]


def test_pipelined_requests_are_answered_in_their_order() -> None:
    async def talking(client: Client) -> None:
        paths = [f"/{number}" for number in range(10)]
        await client.send(SLOW + b"".join(f"GET {path} HTTP/1.1\r\n\r\n".encode() for path in paths))
        assert [(await client.answer())[2]["path"] for _ in range(11)] == ["/slow", *paths]

    talk(talking)


def test_pipelined_requests_are_bounded() -> None:
    async def talking(client: Client) -> None:
        await client.send(SLOW + b"GET / HTTP/1.1\r\n\r\n" * 5000)
        answered = 0
        while (answer := await client.answer())[0] == 200:
            answered += 1
        assert answer[0] == 429
        assert answered < 100, "each of them takes some kilobytes while it waits"
        await client.closed()

    talk(talking)


def test_a_body_in_tiny_chunks_arrives_whole_and_its_trailers_are_no_headers() -> None:
    async def talking(client: Client) -> None:
        await client.send(CHUNKED + b"1;ext=1\r\nx\r\n" * 50_000 + b"0\r\nX-User-ID: me\r\n\r\n" + GET)
        status, _, seen = await client.answer()
        assert (status, seen["bytes"], seen["headers"]) == (200, 50_000, 2)
        assert (await client.answer())[0] == 200

    talk(talking)


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_an_offered_upgrade_is_not_taken(protocol: bytes) -> None:
    async def talking(client: Client) -> None:
        await client.send(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % protocol)
        status, headers, _ = await client.answer()
        assert (status, headers["connection"]) == (200, "close"), "what follows would never be read"
        await client.closed()

    talk(talking)


def test_a_client_that_reads_nothing_of_its_answer_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_UNREAD_SECONDS", 1)

    async def talking(client: Client) -> None:
        await client.send(b"GET /large HTTP/1.1\r\nConnection: close\r\n\r\n")
        await client.gone()

    talk(talking)


def test_little_of_a_body_is_kept_before_anybody_asks_for_it() -> None:
    async def talking(client: Client) -> None:
        client.writer.write(b"POST /slow HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n" + bytes(5_000_000))
        await asyncio.sleep(SLOW_SECONDS / 2)
        [connection] = client.connections
        assert 0 < len(connection.cycle.body) <= HEAD_BYTES, "a thousand such clients would fill the memory"

    talk(talking)
