import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lab.pulumi.kubernetes.client import ApiError, Client, Unreachable
from lab.pulumi.kubernetes.discovery import Discovery
from lab.pulumi.kubernetes.kubeconfig import Endpoint
from lab.pulumi.kubernetes.objects import Kind

DISCOVERY = {
    "/api": {
        "items": [
            {
                "metadata": {"name": ""},
                "versions": [
                    {
                        "version": "v1",
                        "resources": [{"resource": "pods", "responseKind": {"kind": "Pod"}, "scope": "Namespaced"}],
                    }
                ],
            }
        ]
    },
    "/apis": {"items": []},
}


class Server(ThreadingHTTPServer):
    """Answers with ``answers`` in turn: (status, body, close the connection after it)."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = []
        self.connections = 0
        self.paths = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        self.server.paths.append(self.path)
        status, body, close = self.server.answers.pop(0)
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(body, bytes) else "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("Retry-After", "0.001")
        self.end_headers()
        self.wfile.write(payload)
        self.close_connection = close

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def client(server):
    return Client(Endpoint("127.0.0.1", server.server_port, None))


def test_a_connection_is_used_again(server, client):
    server.answers = [(200, {"n": 1}, False), (200, {"n": 2}, False)]
    assert [client.get("/a")["n"], client.get("/a", query={"x": "a=b"})["n"]] == [1, 2]
    assert server.connections == 1
    assert server.paths[1] == "/a?x=a%3Db"


def test_a_connection_that_the_server_has_closed_is_replaced(server, client):
    server.answers = [(200, {}, True), (200, {"n": 2}, False)]
    client.get("/a")
    assert client.get("/a") == {"n": 2}
    assert server.connections == 2


def test_a_log_comes_as_text(server, client):
    server.answers = [(200, "줄\n".encode(), False)]
    assert client.get("/log") == "줄\n"


def test_an_error_speaks_with_the_servers_words(server, client):
    status = {"reason": "NotFound", "message": 'namespaces "n" not found', "details": {"kind": "namespaces"}}
    server.answers = [(404, status, False)]
    with pytest.raises(ApiError, match='namespaces "n" not found') as caught:
        client.get("/a")
    assert caught.value.not_found


def test_a_busy_server_is_asked_again(server, client):
    server.answers = [(429, {}, False), (200, {"n": 1}, False)]
    assert client.get("/a") == {"n": 1}


def test_nobody_there_is_told_with_the_address(server):
    port = server.server_port
    server.server_close()
    with pytest.raises(Unreachable, match=f"http://127.0.0.1:{port} does not answer"):
        Client(Endpoint("127.0.0.1", port, None)).get("/a")


def test_the_table_of_kinds_is_fetched_once_while_it_is_fresh(server, client):
    server.answers = [(200, DISCOVERY["/api"], False), (200, DISCOVERY["/apis"], False)]
    discovery = Discovery(client)
    discovery.refresh()
    assert discovery.find(Kind("", "v1", "Pod")).path("n", "p") == "/api/v1/namespaces/n/pods/p"
    assert discovery.find(Kind("rabbitmq.com", "v1beta1", "Queue")) is None
    assert len(server.paths) == 2, "a preview of many objects of a kind to come would fetch the table for each"
