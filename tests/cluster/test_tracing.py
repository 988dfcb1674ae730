"""Traces on a live stack: one scan is one trace, its retry included. All other tests of dev run without a collector."""

import time
from collections.abc import Iterator

import pytest

from app.tracing import names
from app.tracing.exporter import PAUSE_SECONDS
from tests.cluster.clients import ROOT, Json, Model, Scans, wait_for
from tests.cluster.collector import Collector, attributes
from tests.cluster.rewards import Rows, assert_granted

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


def tree(spans: list[Json], parent: str, depth: int = 0) -> Iterator[str]:
    """A line for each span below ``parent``, with what has come out of it."""
    for span in spans:
        if span.get("parentSpanId") == parent:
            told = attributes(span)
            attempt = f"attempt {told[names.ATTEMPT]}" if names.ATTEMPT in told else ""
            words = filter(None, (span["name"], told.get(names.OUTCOME), attempt))
            yield f"{'  ' * depth}{span['service']}: {', '.join(words)}"
            yield from tree(spans, span["spanId"], depth + 1)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """It has just come up: who failed to send a moment before does not try again at once."""
    with Collector() as collecting:
        time.sleep(PAUSE_SECONDS + 1)
        yield collecting


def test_a_scan_is_one_trace_from_its_post_to_its_rows(
    collector: Collector, scans: Scans, rows: Rows, model: Model
) -> None:
    with model.set(fault="error500", fault_calls=1):
        accepted = scans.post(CAN, user=rows.user(1), traceparent=CALLER)
        assert accepted.status_code == 202, accepted.text
        task_id = accepted.json()["task_id"]
        assert_granted(scans, [task_id], 60)

    def is_whole() -> bool:
        return len(collector.of_trace(TRACE)) >= len(WHOLE.strip().splitlines()) and len(savers(collector)) == 2

    wait_for("all spans of the scan", is_whole, EXPORTED_SECONDS)
    spans = collector.of_trace(TRACE)
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
    events = [span["spanId"] for span in collector.of_trace(TRACE) if span["name"] == "publish reward.events"]
    return [span for span_id in events for span in collector.linked_to(TRACE, span_id)]
