"""TLS to the broker: with an authority configured, nobody but the broker itself is believed, over a real handshake."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from app.broker import broker_connection
from app.celery_app import create_celery
from app.settings import BrokerSettings
from tests.certificates import Authority, Certificate

HOST = "localhost"
AMQP = b"AMQP\x00\x00\x09\x01"
"""The first bytes of a client: it has believed the server."""
REFUSED = b""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tls") / "theirs")


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kombu tries twice, two seconds apart."""
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda seconds: None)


class Server:
    """Keeps what each of its clients says first: clients try more than once."""

    def __init__(self, certificate: Certificate | None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._certificate = certificate
        self.port: int = self._listening.getsockname()[1]
        self.heard: set[bytes] = set()

    @contextmanager
    def running(self) -> Iterator["Server"]:
        thread = threading.Thread(target=self._serve)
        thread.start()
        try:
            yield self
        finally:
            self._listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self._listening.accept()
                with accepted:
                    self._hear(accepted)

    def _hear(self, accepted: socket.socket) -> None:
        accepted.settimeout(5)
        try:
            with self._secured(accepted) as client:
                self.heard.add(client.recv(len(AMQP)))
        except OSError:
            self.heard.add(REFUSED)

    def _secured(self, accepted: socket.socket) -> socket.socket:
        if self._certificate is None:
            return accepted
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate.certificate, self._certificate.key)
        return context.wrap_socket(accepted, server_side=True)


def settings(port: int, **more: Any) -> BrokerSettings:
    return BrokerSettings(rabbitmq_host=HOST, rabbitmq_port=port, rabbitmq_username="u", rabbitmq_password="p", **more)


def of_celery(found: BrokerSettings) -> Connection:
    celery = create_celery(found, name="test", publishing_connections=1)
    return celery.connection_for_write()


CLIENTS = pytest.mark.parametrize("client", [broker_connection, of_celery])


def connect(client: Any, server: Server, ca_file: Path | str) -> Exception:
    """Connects and returns how that ended: the server never gets beyond the client's first word."""
    with server.running():
        try:
            client(settings(server.port, rabbitmq_ca_file=str(ca_file))).connect()
        except Exception as failure:
            return failure
    raise AssertionError("no server was there")


@CLIENTS
def test_the_broker_is_believed_when_the_authority_vouches_for_its_name(client: Any, authority: Authority) -> None:
    server = Server(authority.issue(HOST))
    failure = connect(client, server, authority.certificate)
    assert server.heard == {AMQP}, failure


@CLIENTS
def test_another_hosts_certificate_is_refused(client: Any, authority: Authority) -> None:
    server = Server(authority.issue("elsewhere.example"))
    failure = connect(client, server, authority.certificate)
    assert isinstance(failure, ssl.SSLCertVerificationError)
    assert "localhost" in failure.verify_message
    assert server.heard == {REFUSED}


@CLIENTS
def test_another_authoritys_certificate_is_refused(client: Any, authority: Authority, stranger: Authority) -> None:
    server = Server(stranger.issue(HOST))
    failure = connect(client, server, authority.certificate)
    assert isinstance(failure, ssl.SSLCertVerificationError)
    assert server.heard == {REFUSED}


@CLIENTS
def test_a_broker_that_speaks_in_plain_hears_no_password(client: Any, authority: Authority) -> None:
    server = Server(None)
    connect(client, server, authority.certificate)
    assert {word[:1] for word in server.heard} == {b"\x16"}, "a client's first byte in TLS"


@CLIENTS
def test_without_an_authority_the_client_speaks_in_plain(client: Any) -> None:
    server = Server(None)
    connect(client, server, "")
    assert server.heard == {AMQP}
