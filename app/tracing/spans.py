"""Spans, as the app uses them. Until ``configure`` is given an endpoint they are nothing, and cost next to nothing."""

import logging
from collections.abc import Iterable, Mapping
from enum import IntEnum
from types import TracebackType
from typing import Protocol, Self

logger = logging.getLogger(__name__)

Attributes = Mapping[str, str | int]
"""Values by names out of ``app.tracing.names``."""


class Kind(IntEnum):
    """OpenTelemetry's kinds of spans, with the numbers that OTLP has for them."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Span:
    """Something that takes its time, from the beginning to the end of a block. This one is not recorded.

    An exception that leaves the block is the span's outcome, unless there is one already.
    """

    __slots__ = ()

    @property
    def traceparent(self) -> str | None:
        """What others need to go on with the trace; None if there is none."""
        return None

    def note(self, attributes: Attributes) -> None:
        """Adds what was not known when the span began."""

    def ends(self, outcome: str, *, is_fault: bool = False) -> None:
        """What has come out, in one word. A fault is shown as an error."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Recorder(Protocol):
    """What records spans: ``app.tracing.sdk.SdkRecorder``."""

    def begin(self, name: str, kind: Kind, attributes: Attributes, parent: object, links: Iterable[object]) -> Span: ...

    def current_traceparent(self) -> str | None: ...

    def close(self) -> None: ...


_UNRECORDED = Span()
_NOTHING: Attributes = {}
_recorder: Recorder | None = None


def span(
    name: str,
    kind: Kind = Kind.INTERNAL,
    attributes: Attributes = _NOTHING,
    *,
    parent: object = None,
    links: Iterable[object] = (),
) -> Span:
    """A span for a ``with`` block.

    It is a child of ``parent``, a traceparent from elsewhere, or else of the block that it stands in, or else the
    first one of a new trace. ``links`` are traceparents of what it follows from. Whatever is no traceparent is ignored.
    """
    return _UNRECORDED if _recorder is None else _recorder.begin(name, kind, attributes, parent, links)


def current_traceparent() -> str | None:
    """Of the innermost block; None outside of spans."""
    return None if _recorder is None else _recorder.current_traceparent()


def configure(service: str, endpoint: str) -> None:
    """From now on spans of this process are sent to the OTLP endpoint, as those of ``service``; to none if it is empty.

    Nothing that is wrong with the endpoint is an error of the app's: then there are no traces.
    """
    if not endpoint:
        return
    from app.tracing.sdk import SdkRecorder

    try:
        record_with(SdkRecorder.for_endpoint(service, endpoint))
    except ValueError:
        # The address is not shown: it may have a password in it.
        logger.error("there are no traces: their endpoint is no http:// or https:// address")


def record_with(recorder: Recorder | None) -> None:
    """Has spans recorded by ``recorder``; None ends it."""
    global _recorder
    _recorder = recorder


def close() -> None:
    """Sends what is left, for a few seconds at most, and records nothing any more."""
    recorder = _recorder
    record_with(None)
    if recorder is not None:
        recorder.close()
