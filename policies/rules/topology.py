"""What workers consume and publish, against the queues and exchanges that there are.

A Deployment says it by annotations, which infra/app_service.py computes from app/topology.py.
"""

from collections.abc import Iterator

from policies.resources import Resource, Stack
from policies.rule import Setting, Settings, StackRule, Violation
from policies.rules.broker import ARCHIVE, DEAD, DELAY, is_named, queue_name
from policies.rules.users import grants

CONSUMES, PUBLISHES, LISTENS = "eco2.dev/consumes", "eco2.dev/publishes", "eco2.dev/listens"
"""Annotations: queues, exchanges, and fanout exchanges that each pod binds a queue of its own to. By commas."""
RIGHTS = {CONSUMES: "read", PUBLISHES: "write", LISTENS: "read"}


def named(workload: Resource, annotation: str) -> list[str]:
    annotations = workload.get("metadata.annotations") or {}
    return [name for name in str(annotations.get(annotation) or "").split(",") if name]


def workers(stack: Stack) -> list[Resource]:
    return stack.of("Deployment", "StatefulSet")


def require_consumers(stack: Stack, settings: Settings) -> Iterator[Violation]:
    consumed = {name for one in workers(stack) if one.get("spec.replicas", 1) != 0 for name in named(one, CONSUMES)}
    for queue in stack.of("Queue"):
        name = queue_name(queue)
        if name not in consumed and not is_named(name, settings["unattended"]):
            yield Violation(queue, "spec.name", f"{name} without a consumer", "a Deployment that consumes it")


def require_queues_of_consumers(stack: Stack, settings: Settings) -> Iterator[Violation]:
    queues = {queue_name(queue) for queue in stack.of("Queue")}
    for one in workers(stack):
        for name in named(one, CONSUMES):
            if name not in queues:
                path = f"metadata.annotations.{CONSUMES}"
                yield Violation(one, path, f"{name} without a Queue", "queues that are declared")


def require_routes_of_publishers(stack: Stack, settings: Settings) -> Iterator[Violation]:
    exchanges = {exchange.get("spec.name") for exchange in stack.of("Exchange")}
    bound = {binding.get("spec.source") for binding in stack.of("Binding")}
    bound |= {name for one in workers(stack) for name in named(one, LISTENS)}
    for one in workers(stack):
        for annotation in (PUBLISHES, LISTENS):
            for name in named(one, annotation):
                if name not in exchanges or name not in bound:
                    fault = "without a binding" if name in exchanges else "without an Exchange"
                    yield Violation(one, f"metadata.annotations.{annotation}", f"{name} {fault}", "a way to a queue")


def require_bound_queues(stack: Stack, settings: Settings) -> Iterator[Violation]:
    """No queue that nothing comes to, and no binding to or from what is not there."""
    queues = {queue_name(queue): queue for queue in stack.of("Queue")}
    exchanges = {exchange.get("spec.name") for exchange in stack.of("Exchange")}
    bound = set()
    for binding in stack.of("Binding"):
        source, destination = (binding.get(f"spec.{end}") for end in ("source", "destination"))
        bound.add(destination)
        if source not in exchanges:
            yield Violation(binding, "spec.source", source, "an exchange that is declared")
        if binding.get("spec.destinationType") == "queue" and destination not in queues:
            yield Violation(binding, "spec.destination", destination, "a queue that is declared")
    for name, queue in queues.items():
        if name not in bound:
            yield Violation(queue, "spec.name", f"{name} without a binding", "a Binding to it")


def require_rights_for_work(stack: Stack, settings: Settings) -> Iterator[Violation]:
    """The user named like the workload may do what the workload says that it does; else it starts and is refused."""
    permissions = {(one.namespace, one.get("spec.userReference.name")): one for one in stack.of("Permission")}
    for one in workers(stack):
        permission = permissions.get((one.namespace, one.object_name))
        for annotation, right in RIGHTS.items():
            missing = [
                name
                for name in named(one, annotation)
                if permission is None or not grants(permission.get(f"spec.permissions.{right}"), name)
            ]
            if missing:
                subject = permission or one
                found = None if permission is None else permission.get(f"spec.permissions.{right}")
                wanted = f"a right of {one.object_name} to {right} {', '.join(missing)}"
                yield Violation(subject, f"spec.permissions.{right}", found, wanted)


TOPOLOGY = "Change the Service in app/topology.py and what it consumes together"

RULES = (
    StackRule(
        name="require-consumers",
        description="Every queue of work has somebody who works it off.",
        remedy=TOPOLOGY,
        settings={
            "unattended": Setting([f"{DELAY}*", f"{DEAD}*", f"{ARCHIVE}*"], "queues that need nobody, as patterns")
        },
        check=require_consumers,
    ),
    StackRule(
        name="require-queues-of-consumers",
        description="Nobody consumes a queue that is not declared.",
        remedy=TOPOLOGY,
        check=require_queues_of_consumers,
    ),
    StackRule(
        name="require-routes-of-publishers",
        description="What somebody publishes to leads to a queue.",
        remedy=TOPOLOGY,
        check=require_routes_of_publishers,
    ),
    StackRule(
        name="require-bound-queues",
        description="Every queue is bound, and every binding has both its ends.",
        remedy="Change BINDINGS in app/topology.py",
        check=require_bound_queues,
    ),
    StackRule(
        name="require-rights-for-work",
        description="A service may read what it consumes and write to what it publishes to.",
        remedy=TOPOLOGY,
        check=require_rights_for_work,
    ),
)
