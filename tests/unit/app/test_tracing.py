"""Spans: their places in traces, what they say, and that without an endpoint there is nothing of them."""

import logging
import subprocess
import sys
import threading

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from app import topology
from app.tracing import names, spans
from app.tracing.messages import carried, linked, processing, processing_batch, sending
from app.tracing.spans import Kind, configure, current_traceparent, span
from app.tracing.traceparent import Place, read_traceparent
from tests.unit.app.conftest import Recorded

VISION = topology.VISION.queue
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def place(text: str | None) -> Place:
    found = read_traceparent(text)
    assert found is not None, text
    return found


def test_a_traceparent_is_read_and_written() -> None:
    assert place(GIVEN) == Place(int(TRACE, 16), int(SPAN, 16), is_sampled=True)
    assert str(place(GIVEN)) == GIVEN
    assert not place(f"00-{TRACE}-{SPAN}-00").is_sampled


def test_of_a_version_to_come_what_is_known_is_read() -> None:
    assert str(place(f"01-{TRACE}-{SPAN}-03-more")) == GIVEN


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        7,
        b"00-" + TRACE.encode(),
        "",
        "00",
        GIVEN.upper(),
        f" {GIVEN}",
        f"{GIVEN}\n",
        f"{GIVEN}-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-0",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01-{'x' * 300}",
        "٠" * 55,
    ],
)
def test_garbage_is_no_traceparent(garbage: object, recorded: Recorded) -> None:
    assert read_traceparent(garbage) is None
    with span("whole", parent=garbage, links=[garbage]):
        pass
    whole = recorded.finished()["whole"]
    assert whole.parent is None
    assert not whole.links


def test_without_an_endpoint_nothing_of_opentelemetrys_sdk_is_imported() -> None:
    script = """
import sys
from app.tracing import messages, spans
spans.configure("scan-api", "")
with messages.sending("exchange", "queue") as span:
    assert span.traceparent is None and spans.current_traceparent() is None
    assert messages.carried({"a": 1}, span) == {"a": 1}
spans.close()
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_an_endpoint_a_span_is_always_the_same_object() -> None:
    assert span("a", Kind.CLIENT, {names.TASK_ID: "x"}) is span("b", parent=GIVEN), "it would cost something"


@pytest.mark.parametrize("endpoint", ["hidden:4318", "ftp://hidden", "http://", "http://hidden:port", "//hidden"])
def test_what_is_no_endpoint_is_no_error_of_the_apps(endpoint: str, caplog: pytest.LogCaptureFixture) -> None:
    configure("scan-api", endpoint)
    assert span("a") is span("b")
    [line] = caplog.records
    assert line.levelno == logging.ERROR
    assert "hidden" not in line.getMessage(), "there may be a password in it"


def test_a_span_is_the_child_of_what_it_is_told_or_stands_in_or_begins_a_trace(recorded: Recorded) -> None:
    with span("root") as root:
        assert current_traceparent() == root.traceparent
        with span("inner"):
            with span("elsewhere", parent=GIVEN) as elsewhere:
                assert elsewhere.traceparent != GIVEN
            assert current_traceparent() != root.traceparent
    assert current_traceparent() is None
    found = recorded.finished()
    assert found["root"].parent is None
    assert found["inner"].parent == found["root"].context
    parent = found["elsewhere"].parent
    assert parent is not None
    assert (f"{parent.trace_id:032x}", f"{parent.span_id:016x}") == (TRACE, SPAN)
    assert place(root.traceparent).trace_id == found["inner"].context.trace_id != int(TRACE, 16)


def test_a_thread_of_its_own_begins_a_trace_of_its_own(recorded: Recorded) -> None:
    with span("root"):
        thread = threading.Thread(target=lambda: span("other").__enter__().__exit__(None, None, None))
        thread.start()
        thread.join()
    assert recorded.finished()["other"].parent is None


def test_what_the_caller_does_not_record_is_not_recorded_here(recorded: Recorded) -> None:
    with span("unwanted", parent=f"00-{TRACE}-{SPAN}-00") as unwanted:
        assert unwanted.traceparent is not None
        assert (unwanted.traceparent[:35], unwanted.traceparent[-2:]) == (f"00-{TRACE}", "00")
    assert not recorded.finished()


def test_an_exception_is_an_outcome_by_its_kind_alone(recorded: Recorded) -> None:
    with pytest.raises(KeyError), span("failing"):
        raise KeyError("what a user has said")
    failing = recorded.finished()["failing"]
    assert failing.attributes == {names.OUTCOME: "KeyError"}
    assert failing.status.status_code is StatusCode.ERROR
    assert failing.status.description is None
    assert not failing.events, "an exception's text may quote data"


def test_an_exception_behind_the_outcome_is_how_a_task_ends(recorded: Recorded) -> None:
    def end_as_celery_wants() -> None:
        with span("retried") as retried:
            retried.ends("retried")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        end_as_celery_wants()
    found = recorded.finished()["retried"]
    assert found.attributes == {names.OUTCOME: "retried"}
    assert found.status.status_code is StatusCode.UNSET


def test_a_message_goes_on_with_the_trace_of_who_published_it(recorded: Recorded) -> None:
    with sending("scan.direct", VISION) as published:
        headers = carried({"other": 1, "traceparent": "before", "eco2-trace-link": GIVEN}, published)
    assert headers == {"other": 1, "traceparent": published.traceparent}
    with processing("scan.direct", VISION, headers, {names.ATTEMPT: 1}):
        pass
    found = recorded.finished()
    sent, worked = found["publish scan.direct:scan.vision"], found["process scan.vision"]
    assert (sent.kind, worked.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert worked.parent is not None
    assert worked.parent.span_id == sent.context.span_id
    assert sent.attributes == {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": "scan.direct:scan.vision",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
    }
    assert worked.attributes == {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": "scan.direct:scan.vision",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "eco2.queue": VISION,
        "eco2.attempt": 1,
    }


def test_what_is_put_back_begins_a_trace_that_is_linked_to_its_former_one(recorded: Recorded) -> None:
    headers = linked({"traceparent": GIVEN, "other": 1})
    assert headers == {"eco2-trace-link": GIVEN, "other": 1} == linked(headers)
    with processing("scan.direct", VISION, headers, {}):
        pass
    worked = recorded.finished()["process scan.vision"]
    assert worked.parent is None
    [link] = worked.links
    assert (f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") == (TRACE, SPAN)


def test_a_batch_is_linked_to_each_of_its_messages_once_and_to_no_more_than_a_bound(recorded: Recorded) -> None:
    many = [f"00-{TRACE}-{number:016x}-01" for number in range(1, 200)]
    with processing_batch("users.save_character", 201, [None, "garbage", many[0], *many]):
        pass
    batch = recorded.finished()["process users.save_character"]
    assert batch.parent is None
    assert [link.context.span_id for link in batch.links] == list(range(1, 129))
    assert batch.attributes is not None
    assert batch.attributes["messaging.batch.message_count"] == 201


def test_after_the_end_there_are_no_spans(recorded: Recorded) -> None:
    recorded.finished()
    assert span("late") is span("later")
    spans.close()
