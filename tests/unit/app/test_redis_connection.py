"""How long a command to Redis may take in all, and which one is tried again."""

import asyncio
import ssl
from collections.abc import Mapping

import pytest
import redis
import redis.asyncio
from celery import Celery

from app.settings import ApiSettings
from app.state import connection


async def pinged_in_vain(monkeypatch: pytest.MonkeyPatch, on_connect: str) -> tuple[int, type[Exception]]:
    """How many connections a ping has made to a server that ``hangs`` or ``cuts``, and what it raised."""
    connections = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if on_connect == "hangs":
            await asyncio.sleep(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    monkeypatch.setenv("REDIS_HOST", "127.0.0.1")
    monkeypatch.setenv("REDIS_PORT", str(server.sockets[0].getsockname()[1]))
    client = connection.connect_async(ApiSettings(), 2)
    with pytest.raises(redis.RedisError) as raised:
        await client.ping()
    await client.aclose()
    server.close()
    return connections, raised.type


def test_a_command_without_an_answer_is_not_tried_again(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_ANSWER_SECONDS", 0.05)
    found = asyncio.run(pinged_in_vain(monkeypatch, "hangs"))
    assert found == (1, redis.TimeoutError), "clients would wait twice as long to hear that Redis is away"


def test_a_command_whose_connection_was_cut_is_tried_again(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connections, error = asyncio.run(pinged_in_vain(monkeypatch, "cuts"))
    assert issubclass(error, redis.ConnectionError)
    assert connections > 1, "a connection that has died in the pool would fail a request"


def test_tls_means_a_certificate_that_is_checked(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_TLS", "true")
    settings = ApiSettings()
    pools = (connection.connect(settings, 1), connection.connect_async(settings, 1))
    for made in (client.connection_pool.make_connection() for client in pools):
        assert isinstance(made, redis.SSLConnection | redis.asyncio.SSLConnection), "the password would go in plain"
    arguments = connection.connect(settings, 1).connection_pool.connection_kwargs
    assert (arguments["ssl_cert_reqs"], arguments.get("ssl_check_hostname", True)) == ("required", True)
    results = Celery(backend=connection.results_url(settings)).backend
    assert results.connparams["ssl_cert_reqs"] == ssl.CERT_REQUIRED
