"""Traces on a live stack: switched on by its settings, and one scan is one trace, its retry included."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

from app.tracing import names
from tests.cluster.clients import ROOT, Json, Model, Scans, Stack, wait_for
from tests.cluster.outages import Lab
from tests.cluster.rewards import Rows, assert_granted

COLLECTOR = "10.89.0.1"
"""This machine's own address on the lab's bridge: for pods it is outside of the cluster."""
PORT = 4318
CAN = ROOT / "tests" / "data" / "can.jpg"
CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE, CALLERS_SPAN = CALLER[3:35], CALLER[36:52]
EXPORTED_SECONDS = 30
"""Savers gather for 5 s, and spans are sent 5 s after that."""
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5

WHOLE = """
scan-api: POST /classify/async, accepted
  scan-api: relay, published
    scan-api: publish scan.direct:scan.vision
      scan-worker: process scan.vision, retried, attempt 1
        scan-worker: ask the model, ModelUnavailable
        scan-worker: publish retry.1s:scan.vision
          scan-worker: process scan.vision, succeeded, attempt 2
            scan-worker: ask the model, answered
            scan-worker: publish scan.direct:scan.rule
              scan-worker: process scan.rule, succeeded, attempt 1
                scan-worker: publish scan.direct:scan.answer
                  scan-worker: process scan.answer, succeeded, attempt 1
                    scan-worker: ask the model, answered
                    scan-worker: publish reward.direct:scan.reward
                      reward-worker: process scan.reward, succeeded, attempt 1
                        reward-worker: eco2.character.v1.CharacterService/GrantReward, OK
                          character: eco2.character.v1.CharacterService/GrantReward, OK
                        reward-worker: publish reward.events
"""


class Collector:
    """Takes OTLP's JSON, and keeps the spans with the service that each is of."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        taken = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                taken.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer((COLLECTOR, PORT), Handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def spans(self) -> list[Json]:
        return [span for body in list(self.bodies) for span in _spans(json.loads(body))]

    def of_trace(self) -> list[Json]:
        """In the order of their beginnings."""
        own = [span for span in self.spans if span["traceId"] == TRACE]
        return sorted(own, key=lambda span: int(span["startTimeUnixNano"]))

    def linked_to(self, span_id: str) -> list[Json]:
        meant = (TRACE, span_id)
        return [span for span in self.spans if meant in {(one["traceId"], one["spanId"]) for one in span["links"]}]


def _spans(document: Json) -> Iterator[Json]:
    for of_resource in document["resourceSpans"]:
        service = attributes(of_resource["resource"])["service.name"]
        for of_scope in of_resource["scopeSpans"]:
            yield from ({**span, "service": service} for span in of_scope["spans"])


def attributes(told: Json) -> dict[str, Any]:
    return {entry["key"]: next(iter(entry["value"].values())) for entry in told["attributes"]}


def tree(spans: list[Json], parent: str, depth: int = 0) -> Iterator[str]:
    """A line for each span below ``parent``, with what has come out of it."""
    for span in spans:
        if span.get("parentSpanId") == parent:
            told = attributes(span)
            attempt = f"attempt {told[names.ATTEMPT]}" if names.ATTEMPT in told else ""
            words = filter(None, (span["name"], told.get(names.OUTCOME), attempt))
            yield f"{'  ' * depth}{span['service']}: {', '.join(words)}"
            yield from tree(spans, span["spanId"], depth + 1)


@pytest.fixture(scope="module")
def collector(stack: Stack, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """Where the stack sends its traces, until the tests of this module have run."""
    configured = stack.with_settings(
        tmp_path_factory.mktemp("tracing") / "Pulumi.yaml",
        otlpEndpoint=f"http://{COLLECTOR}:{PORT}",
        otlpCidrs=f"{COLLECTOR}/32",
    )
    with Collector() as running:
        try:
            configured.update()
            lab.wait_until_well()
            yield running
        finally:
            stack.update()
            lab.wait_until_well()


def test_a_scan_is_one_trace_from_its_post_to_its_rows(
    collector: Collector, scans: Scans, rows: Rows, model: Model
) -> None:
    with model.set(fault="error500", fault_calls=1):
        accepted = scans.post(CAN, user=rows.user(1), traceparent=CALLER)
        assert accepted.status_code == 202, accepted.text
        task_id = accepted.json()["task_id"]
        assert_granted(scans, [task_id], 60)

    def is_whole() -> bool:
        return len(collector.of_trace()) >= len(WHOLE.strip().splitlines()) and len(savers(collector)) == 2

    wait_for("all spans of the scan", is_whole, EXPORTED_SECONDS)
    spans = collector.of_trace()
    assert "\n".join(tree(spans, CALLERS_SPAN)) == WHOLE.strip()
    assert len(spans) == len(WHOLE.strip().splitlines()), "a span of the trace hangs in the air"

    by_kind = {(span["service"], span["name"]): span["kind"] for span in spans}
    assert by_kind["scan-api", "POST /classify/async"] == SERVER
    assert by_kind["scan-worker", "ask the model"] == CLIENT
    assert by_kind["scan-worker", "process scan.rule"] == CONSUMER
    assert by_kind["reward-worker", "publish reward.events"] == PRODUCER

    assert sorted((span["service"], span["name"]) for span in savers(collector)) == [
        ("character-worker", "process character.save_ownership"),
        ("users-worker", "process users.save_character"),
    ]
    assert all(span["traceId"] != TRACE for span in savers(collector)), "a batch is of many scans"

    told = [attributes(span) for span in spans]
    assert {one[names.TASK_ID] for one in told if names.TASK_ID in one} == {task_id}
    assert {name for one in told for name in one} <= names.ALL
    assert not [body for body in collector.bodies if rows.prefix.encode() in body], (
        "whose scan it was is nobody's matter"
    )


def savers(collector: Collector) -> list[Json]:
    events = [span["spanId"] for span in collector.of_trace() if span["name"] == "publish reward.events"]
    return [span for span_id in events for span in collector.linked_to(span_id)]
