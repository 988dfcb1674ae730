"""Queues and their policies."""

from collections.abc import Iterator

from policies.resources import Resource
from policies.rule import ResourceRule, Settings, Violation


def require_quorum_queues(queue: Resource, settings: Settings) -> Iterator[Violation]:
    for key, wanted in (("type", "quorum"), ("durable", True)):
        if queue.get(f"spec.{key}") != wanted:
            yield Violation(queue, f"spec.{key}", queue.get(f"spec.{key}"), str(wanted).lower())


def forbid_queue_arguments(queue: Resource, settings: Settings) -> Iterator[Violation]:
    if queue.get("spec.arguments"):
        yield Violation(queue, "spec.arguments", queue.get("spec.arguments"), "none")


RULES = (
    ResourceRule(
        name="require-quorum-queues",
        description="A queue is a durable quorum queue: it outlives the loss of a broker.",
        remedy="A queue's type cannot be changed: delete the queue and declare it as a quorum queue",
        kinds=("Queue",),
        check=require_quorum_queues,
    ),
    ResourceRule(
        name="forbid-queue-arguments",
        description="What can be said by a Policy is no argument of a queue, which can never be changed again.",
        remedy="Say it in the queue's Policy (app/topology.py)",
        kinds=("Queue",),
        check=forbid_queue_arguments,
    ),
)
