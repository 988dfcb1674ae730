"""Sends spans to an OTLP endpoint by HTTP, as JSON.

OpenTelemetry's own exporters come with protobuf messages of a version that the app's gRPC services do not run with.
JSON needs none: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext

from app.tracing.spans import Kind

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 2.0
"""For the connection, and for each piece of the answer."""

PAUSE_SECONDS = 5.0
"""After a failure nothing is tried: a full queue would keep a process that wants to end waiting for each part of it."""

_PATH = "/v1/traces"
_ANSWER_BYTES = 64 * 1024
_CONNECTIONS = {"http": HTTPConnection, "https": HTTPSConnection}
Json = dict[str, Any]


class OtlpJsonExporter(SpanExporter):
    """Called from one thread. What cannot be sent is dropped: only the first failure of several is logged."""

    def __init__(self, endpoint: str) -> None:
        """``endpoint`` is the base address, as in OTEL_EXPORTER_OTLP_ENDPOINT. Raises ``ValueError``."""
        url = urlsplit(endpoint)
        if url.scheme not in _CONNECTIONS or not url.hostname:
            raise ValueError("no http:// or https:// address")
        self._connection = _CONNECTIONS[url.scheme]
        self._host, self._port = url.hostname, url.port
        self._path = url.path.rstrip("/") + _PATH
        self._is_failing = False
        self._try_again = 0.0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if time.monotonic() < self._try_again:
            return SpanExportResult.FAILURE
        try:
            self._post(json.dumps(request(spans), ensure_ascii=False).encode())
        except (OSError, HTTPException) as error:
            if not self._is_failing:
                logger.warning("spans are lost until their endpoint takes them: %s", _kind(error))
            self._is_failing, self._try_again = True, time.monotonic() + PAUSE_SECONDS
            return SpanExportResult.FAILURE
        if self._is_failing:
            logger.info("spans are sent again")
        self._is_failing = False
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """There is nothing to be closed: each request has its own connection."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return True

    def _post(self, body: bytes) -> None:
        connection = self._connection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read(_ANSWER_BYTES)
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise HTTPException(f"status {answer.status}")


def _kind(error: Exception) -> str:
    """What is wrong, without the address: it may have a password in it."""
    return str(error) if type(error) is HTTPException else type(error).__name__


def request(spans: Sequence[ReadableSpan]) -> Json:
    """An ExportTraceServiceRequest. All spans of a process have the same resource."""
    by_scope = groupby(spans, key=lambda span: span.instrumentation_scope.name if span.instrumentation_scope else "")
    resource = spans[0].resource.attributes if spans else {}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [
                    {"scope": {"name": name}, "spans": [_span(span) for span in own]} for name, own in by_scope
                ],
            }
        ]
    }


def _span(span: ReadableSpan) -> Json:
    """Ids are hexadecimal, 64-bit numbers strings, enumerations numbers."""
    context = span.get_span_context()
    assert context is not None, "a span that has ended has a context"
    parent = {} if span.parent is None else {"parentSpanId": f"{span.parent.span_id:016x}"}
    return {
        **_ids(context),
        **parent,
        "name": span.name,
        "kind": int(Kind[span.kind.name]),
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}),
        "links": [_ids(link.context) for link in span.links],
        "status": {"code": span.status.status_code.value},
    }


def _ids(context: SpanContext) -> Json:
    return {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "flags": int(context.trace_flags),
    }


def _attributes(attributes: Mapping[str, Any]) -> list[Json]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: Any) -> Json:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list() | tuple():
            return {"arrayValue": {"values": [_value(item) for item in value]}}
        case _:
            return {"stringValue": str(value)}
