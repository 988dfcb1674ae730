"""Spans of messages: where they are sent, and where they are processed."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.tracing import names, traceparent
from app.tracing.spans import Attributes, Kind, Span, span


def sending(exchange: str, routing_key: str = "", *, parent: object = None) -> Span:
    """A message is published, until the broker has confirmed it. Its traceparent is what the message is to carry."""
    destination = f"{exchange}:{routing_key}" if routing_key else exchange
    return span(f"publish {destination}", Kind.PRODUCER, _messaging(destination, "publish", "send"), parent=parent)


def processing(exchange: str, queue: str, headers: Mapping[str, Any], attributes: Attributes) -> Span:
    """A message is worked on. It goes on with the trace of its ``headers``, or begins one that is linked to theirs."""
    return span(
        f"process {queue}",
        Kind.CONSUMER,
        {**_messaging(f"{exchange}:{queue}", "process", "process"), names.QUEUE: queue, **attributes},
        parent=headers.get(traceparent.KEY),
        links=(headers.get(traceparent.LINK_KEY),),
    )


def processing_batch(queue: str, count: int, traceparents: Iterable[object]) -> Span:
    """Messages of several traces are worked on together, so that none of them can be the parent."""
    attributes: Attributes = {
        **_messaging(queue, "process", "process"),
        names.QUEUE: queue,
        names.MESSAGING_BATCH_COUNT: count,
    }
    return span(f"process {queue}", Kind.CONSUMER, attributes, links=traceparents)


def carried(headers: Mapping[str, Any], published: Span) -> dict[str, Any]:
    """Headers with the trace of the publishing span. What they said of another one is over."""
    if published.traceparent is None:
        return dict(headers)
    others = {name: value for name, value in headers.items() if name != traceparent.LINK_KEY}
    return others | {traceparent.KEY: published.traceparent}


def linked(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Headers of a message that is put back: it is worked on in a new trace, linked to its former one."""
    others = {name: value for name, value in headers.items() if name != traceparent.KEY}
    former = headers.get(traceparent.KEY)
    return others if former is None else others | {traceparent.LINK_KEY: former}


def _messaging(destination: str, operation: str, operation_type: str) -> dict[str, str]:
    return {
        names.MESSAGING_SYSTEM: "rabbitmq",
        names.MESSAGING_DESTINATION: destination,
        names.MESSAGING_OPERATION: operation,
        names.MESSAGING_OPERATION_TYPE: operation_type,
    }
