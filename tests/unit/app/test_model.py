"""The model client against a server in a thread, which answers as models do at their worst."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from app.model import ModelClient, ModelRejected, ModelUnavailable

TIMEOUT_SECONDS = 0.4

Behaviour = Callable[[BaseHTTPRequestHandler], None]


class Said(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str


def completion(content: str | None, refusal: str | None = None) -> bytes:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    document = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps(document).encode()


def answering(status: int, body: bytes, **headers: str) -> Behaviour:
    def behave(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return behave


def hanging(request: BaseHTTPRequestHandler) -> None:
    time.sleep(2 * TIMEOUT_SECONDS)


def dripping(request: BaseHTTPRequestHandler) -> None:
    """A byte now and then: each read succeeds, the answer never comes."""
    request.send_response(200)
    request.end_headers()
    for _ in range(20):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(TIMEOUT_SECONDS / 8)


def cut(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"{")


class Server:
    """Behaves as it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = hanging
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                try:
                    outer.behaviour(self)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/v1"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()


def ask(url: str) -> Said:
    client = ModelClient(base_url=url, api_key="key", timeout_seconds=TIMEOUT_SECONDS)
    client.start()
    return client.complete(model="m", name="said", messages=[{"role": "user", "content": "?"}], answer=Said)


def test_an_answer_in_the_form_that_was_asked_for_is_read(server: Server) -> None:
    server.behaviour = answering(200, completion('{"text": "hello"}'))
    assert ask(server.url) == Said(text="hello")
    [asked] = server.asked
    assert asked["response_format"]["json_schema"] == {
        "name": "said",
        "strict": True,
        "schema": Said.model_json_schema(),
    }


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(answering(500, b"{}"), id="500"),
        pytest.param(answering(408, b"{}"), id="408"),
        pytest.param(answering(429, b"{}"), id="429"),
        pytest.param(answering(302, b"{}"), id="a redirect"),
        pytest.param(answering(200, b"<html>"), id="no JSON"),
        pytest.param(answering(200, b'{"choices": []}'), id="no completion"),
        pytest.param(answering(200, completion(None)), id="no content"),
        pytest.param(answering(200, completion("I would say: hello")), id="no JSON in the content"),
        pytest.param(answering(200, completion('{"wrong": 1}')), id="another form"),
        pytest.param(answering(200, completion('{"text": "' + "x" * 2_000_000 + '"}')), id="too long"),
        pytest.param(hanging, id="hangs"),
        pytest.param(dripping, id="drips"),
        pytest.param(cut, id="cut off"),
    ],
)
def test_what_is_no_answer_may_be_asked_for_again(server: Server, behaviour: Behaviour) -> None:
    server.behaviour = behaviour
    start = time.monotonic()
    with pytest.raises(ModelUnavailable):
        ask(server.url)
    assert time.monotonic() - start < 3 * TIMEOUT_SECONDS, "the thread would be held for as long as the server likes"
    assert len(server.asked) == 1, "the SDK's own retries would multiply ours"


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(answering(400, b"{}"), id="400"),
        pytest.param(answering(401, b"{}"), id="401"),
        pytest.param(answering(200, completion(None, refusal="no")), id="refusal"),
    ],
)
def test_a_call_that_the_model_refuses_is_not_repeated(server: Server, behaviour: Behaviour) -> None:
    server.behaviour = behaviour
    with pytest.raises(ModelRejected):
        ask(server.url)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2", 2),
        ("0.5", 0.5),
        ("-3", 0),
        ("soon", 0),
        ("nan", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 01 Jan 99999 00:00:00 GMT", 0),
        ("", 0),
    ],
)
def test_a_busy_model_says_when_to_come_back(server: Server, said: str, seconds: float) -> None:
    server.behaviour = answering(429, b"{}", Retry_After=said)
    with pytest.raises(ModelUnavailable) as busy:
        ask(server.url)
    assert busy.value.retry_after_seconds == seconds


def test_a_date_to_come_back_at_is_understood(server: Server) -> None:
    server.behaviour = answering(503, b"{}", Retry_After=formatdate(time.time() + 60, usegmt=True))
    with pytest.raises(ModelUnavailable) as busy:
        ask(server.url)
    assert 55 < busy.value.retry_after_seconds <= 60


def test_a_model_that_is_not_there_may_come_back() -> None:
    with pytest.raises(ModelUnavailable):
        ask("http://127.0.0.1:1/v1")
