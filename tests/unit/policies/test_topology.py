"""Rules on who consumes and publishes what, and on RabbitMQ's users."""

from typing import Any

import pytest

from policies.resources import Resource
from policies.rules.topology import CONSUMES, LISTENS, PUBLISHES
from tests.unit.policies.conftest import Case, changed, kubernetes, messages
from tests.unit.policies.test_broker import binding, exchange, queue

QUEUE, EXCHANGE, BINDING = queue("work"), exchange("direct"), binding("direct", "work", "work")


def worker(annotations: dict[str, str], replicas: int = 1) -> Resource:
    return kubernetes("Deployment", "worker", {"replicas": replicas}, annotations=annotations)


def permission(**permissions: str) -> Resource:
    spec = {"userReference": {"name": "worker"}, "permissions": {"configure": "^$", **permissions}}
    return kubernetes("Permission", "worker", spec)


def user(**spec: Any) -> Resource:
    return kubernetes("User", "worker", spec)


WORKER = worker({CONSUMES: "work", PUBLISHES: "direct"})
GOOD = (QUEUE, EXCHANGE, BINDING, WORKER)
RIGHTS = permission(read="^(work)$", write="^(direct)$")

CASES = [
    Case("require-consumers", GOOD, (QUEUE,), "work without a consumer"),
    Case("require-consumers", GOOD, (QUEUE, worker({CONSUMES: "work"}, replicas=0)), "work without a consumer"),
    Case("require-queues-of-consumers", GOOD, (WORKER,), "work without a Queue"),
    Case("require-routes-of-publishers", GOOD, (EXCHANGE, WORKER), "direct without a binding"),
    Case("require-routes-of-publishers", GOOD, (BINDING, WORKER), "direct without an Exchange"),
    Case(
        "require-routes-of-publishers",
        (exchange("events"), worker({LISTENS: "events", PUBLISHES: "events"})),
        (exchange("events"), worker({PUBLISHES: "events"})),
        "events without a binding",
    ),
    Case("require-bound-queues", GOOD, (QUEUE, EXCHANGE), "work without a binding"),
    Case("require-bound-queues", GOOD, (QUEUE, BINDING), "spec.source is direct"),
    Case("require-bound-queues", GOOD, (EXCHANGE, BINDING), "spec.destination is work"),
    Case("require-rights-for-work", (WORKER, RIGHTS), (WORKER,), "a right of worker to read work"),
    Case(
        "require-rights-for-work",
        (WORKER, RIGHTS),
        (WORKER, changed(RIGHTS, "spec.permissions.write", "^$")),
        "a right of worker to write direct",
    ),
    *(
        Case("forbid-powerful-users", (user(tags=["monitoring"]),), (user(tags=[tag]),), f"spec.tags is {tag}")
        for tag in ("administrator", "policymaker")
    ),
    *(
        Case("forbid-wildcard-permissions", (RIGHTS,), (permission(read=pattern),), "spec.permissions.read")
        for pattern in (".*", "", "^.*$", "^(work|dlq.*)$", "work", "^", "^(work.+)$")
        if pattern
    ),
    Case("require-known-users", (user(), RIGHTS), (user(),), "worker without a Permission"),
    Case("require-known-users", (user(), RIGHTS), (RIGHTS,), "spec.userReference.name is worker"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_stops_what_it_is_for_and_lets_everything_else_pass(case: Case) -> None:
    case.check()


def test_a_users_right_in_another_namespace_is_not_its_own() -> None:
    elsewhere = kubernetes("Permission", "worker", dict(RIGHTS.get("spec")), namespace="other")
    assert messages("require-rights-for-work", WORKER, elsewhere)
    assert messages("require-known-users", user(), elsewhere)
