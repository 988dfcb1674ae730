"""Records spans with OpenTelemetry's SDK. Imported only where there is an endpoint.

The provider is nobody's but ours: libraries that know OpenTelemetry themselves, as FastAPI does, are left silent.
"""

import socket
from collections.abc import Iterable, Iterator
from contextvars import Token
from itertools import islice
from types import TracebackType
from typing import Self

from opentelemetry import context as otel_context
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app.tracing import names
from app.tracing.exporter import OtlpJsonExporter
from app.tracing.spans import Attributes, Kind, Span
from app.tracing.traceparent import Place, read_traceparent

LINKS_MAX = 128
"""Of one span. A batch of the savers has 50 rows."""


class SdkRecorder:
    """Spans of one service. They are gathered in a bounded queue and exported from a thread of its own."""

    def __init__(self, service: str, exporter: SpanExporter) -> None:
        resource = Resource.create({"service.name": service, "service.instance.id": socket.gethostname()})
        # Its own end at the interpreter's would come after ours, or not at all.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("eco2")

    @classmethod
    def for_endpoint(cls, service: str, endpoint: str) -> "SdkRecorder":
        """Raises ``ValueError`` if the endpoint is no address."""
        return cls(service, OtlpJsonExporter(endpoint))

    def begin(self, name: str, kind: Kind, attributes: Attributes, parent: object, links: Iterable[object]) -> Span:
        place = read_traceparent(parent)
        return _Recorded(
            self._tracer.start_span(
                name,
                context=None
                if place is None
                else otel.set_span_in_context(NonRecordingSpan(_context(place)), Context()),
                kind=SpanKind[kind.name],
                attributes=attributes,
                links=[Link(_context(linked)) for linked in islice(_distinct(links), LINKS_MAX)],
            )
        )

    def current_traceparent(self) -> str | None:
        return _traceparent(otel.get_current_span().get_span_context())

    def close(self) -> None:
        self._provider.shutdown()


class _Recorded(Span):
    __slots__ = ("_has_ended", "_span", "_token")

    def __init__(self, span: otel.Span) -> None:
        self._span = span
        self._has_ended = False
        self._token: Token[Context] | None = None

    @property
    def traceparent(self) -> str | None:
        return _traceparent(self._span.get_span_context())

    def note(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def ends(self, outcome: str, *, is_fault: bool = False) -> None:
        self._has_ended = True
        self._span.set_attribute(names.OUTCOME, outcome)
        if is_fault:
            self._span.set_status(Status(StatusCode.ERROR))

    def __enter__(self) -> Self:
        self._token = otel_context.attach(otel.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not self._has_ended:
            self.ends(kind.__name__, is_fault=True)
        if self._token is not None:
            otel_context.detach(self._token)
        self._span.end()


def _context(place: Place) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if place.is_sampled else TraceFlags.DEFAULT)
    return SpanContext(place.trace_id, place.span_id, is_remote=True, trace_flags=flags)


def _traceparent(context: SpanContext) -> str | None:
    return str(Place(context.trace_id, context.span_id, context.trace_flags.sampled)) if context.is_valid else None


def _distinct(links: Iterable[object]) -> Iterator[Place]:
    """The places that are meant, each of them once."""
    return iter(dict.fromkeys(place for link in links if (place := read_traceparent(link)) is not None))
