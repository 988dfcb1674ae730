"""The exporter: OTLP's JSON, and an endpoint that is away or wrong disturbs nobody."""

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from app.tracing import exporter, names, spans
from app.tracing.exporter import OtlpJsonExporter
from app.tracing.sdk import SdkRecorder
from app.tracing.spans import Kind, span
from tests.unit.app.conftest import Recorded

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "07ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01"


class Collector:
    """Takes what is sent by OTLP over HTTP."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, Any]] = []
        self.status = HTTPStatus.OK
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.taken.append((self.path, self.headers["Content-Type"], json.loads(body)))
                self.send_response(outer.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    spans.record_with(None)


def test_spans_arrive_in_otlps_json(collector: Collector) -> None:
    before = time.time_ns()
    spans.configure("scan-api", f"{collector.endpoint}/")
    with (
        span("POST /classify/async", Kind.SERVER, {names.TASK_ID: "t-1", names.ATTEMPT: 2**40}, parent=GIVEN),
        span("inner", links=[GIVEN]) as inner,
    ):
        inner.ends("failed", is_fault=True)
    spans.close()

    [(path, content_type, document)] = collector.taken
    assert (path, content_type) == ("/v1/traces", "application/json")
    [of_resource] = document["resourceSpans"]
    resource = {entry["key"]: entry["value"] for entry in of_resource["resource"]["attributes"]}
    assert resource["service.name"] == {"stringValue": "scan-api"}
    assert resource["service.instance.id"] == {"stringValue": socket.gethostname()}
    [of_scope] = of_resource["scopeSpans"]
    assert of_scope["scope"] == {"name": "eco2"}
    child, server = of_scope["spans"]

    assert (server["traceId"], server["parentSpanId"]) == (TRACE, SPAN), "ids are hexadecimal, leading zeros included"
    assert len(server["spanId"]) == 16
    assert (child["traceId"], child["parentSpanId"]) == (TRACE, server["spanId"])
    assert (server["kind"], child["kind"]) == (2, 1), "enumerations are numbers: SERVER and INTERNAL"
    assert server["attributes"] == [
        {"key": "eco2.task_id", "value": {"stringValue": "t-1"}},
        {"key": "eco2.attempt", "value": {"intValue": str(2**40)}},
    ], "64-bit numbers are strings"
    assert child["attributes"] == [{"key": "eco2.outcome", "value": {"stringValue": "failed"}}]
    assert (server["status"], child["status"]) == ({"code": 0}, {"code": 2})
    assert child["links"] == [{"traceId": TRACE, "spanId": SPAN, "flags": 1}]
    times = [child["startTimeUnixNano"], child["endTimeUnixNano"], server["endTimeUnixNano"]]
    assert all(isinstance(moment, str) for moment in times)
    assert before <= int(times[0]) <= int(times[1]) <= int(times[2]) <= time.time_ns()


def test_the_root_of_a_trace_names_no_parent(recorded: Recorded) -> None:
    with span("root"):
        pass
    document = exporter.request([recorded.finished()["root"]])
    assert "parentSpanId" not in document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (True, {"boolValue": True}),
        (7, {"intValue": "7"}),
        (0.5, {"doubleValue": 0.5}),
        ("종이", {"stringValue": "종이"}),
        (("a", 1), {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}),
    ],
)
def test_each_kind_of_value_has_a_form_of_its_own(value: Any, form: Any) -> None:
    assert exporter._value(value) == form


def test_an_endpoint_that_fails_is_told_once_and_left_alone_for_a_while(
    collector: Collector, recorded: Recorded, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    with span("root"):
        pass
    batch = [recorded.finished()["root"]]
    now = 100.0
    monkeypatch.setattr(exporter.time, "monotonic", lambda: now)
    sending = OtlpJsonExporter(collector.endpoint)
    collector.status = HTTPStatus.SERVICE_UNAVAILABLE
    assert sending.export(batch) is SpanExportResult.FAILURE
    assert sending.export(batch) is SpanExportResult.FAILURE
    assert len(collector.taken) == 1, "a process that wants to end would wait for each part of its queue"
    now = 106.0
    assert sending.export(batch) is SpanExportResult.FAILURE
    assert len(collector.taken) == 2
    now, collector.status = 112.0, HTTPStatus.OK
    assert sending.export(batch) is SpanExportResult.SUCCESS
    assert [record.getMessage() for record in caplog.records] == [
        "spans are lost until their endpoint takes them: status 503",
        "spans are sent again",
    ]


def test_an_endpoint_that_is_silent_or_gone_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(exporter, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        recorder = SdkRecorder.for_endpoint("scan-api", f"http://127.0.0.1:{silent.getsockname()[1]}")
        spans.record_with(recorder)
        begun = time.monotonic()
        for number in range(3000):
            with span(f"span {number}"):
                pass
        spans.close()
        assert time.monotonic() - begun < 5, "more spans than the queue has room for, and nobody who takes them"
    assert [record.getMessage() for record in caplog.records if record.name == exporter.__name__] == [
        "spans are lost until their endpoint takes them: TimeoutError"
    ]


def test_of_an_address_with_a_password_nothing_is_logged(caplog: pytest.LogCaptureFixture, recorded: Recorded) -> None:
    with span("root"):
        pass
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    sending = OtlpJsonExporter(f"http://me:hidden@127.0.0.1:{port}")
    assert sending.export([recorded.finished()["root"]]) is SpanExportResult.FAILURE
    assert "hidden" not in caplog.text
    assert "ConnectionRefusedError" in caplog.text
