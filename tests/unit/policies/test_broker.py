"""Rules on queues and their policies, on a work queue with everything that belongs to it."""

from typing import Any

import pytest

from policies.resources import Resource
from policies.rules.broker import ARCHIVE, DEAD, DELAY, MILLISECONDS_A_DAY
from tests.unit.policies.conftest import Case, changed, kubernetes, messages

WORK, DEAD_WORK, ARCHIVED, LATER = "work", f"{DEAD}work", f"{ARCHIVE}work", f"{DELAY}10s"
SAFE = {"dead-letter-strategy": "at-least-once", "overflow": "reject-publish", "max-length-bytes": 1024}


def queue(name: str, **spec: Any) -> Resource:
    return kubernetes("Queue", name, {"name": name, "vhost": "v", "type": "quorum", "durable": True, **spec})


def policy(name: str, applies_to: str = "quorum_queues", **definition: Any) -> Resource:
    spec = {"vhost": "v", "pattern": f"^{name}$".replace(".", r"\."), "applyTo": applies_to}
    return kubernetes(
        "Policy", name, {**spec, "definition": {key.replace("_", "-"): value for key, value in definition.items()}}
    )


def binding(source: str, destination: str, key: str = "") -> Resource:
    spec = {"vhost": "v", "source": source, "destination": destination, "destinationType": "queue", "routingKey": key}
    return kubernetes("Binding", f"{source}-{destination}", spec)


def exchange(name: str, kind: str = "direct") -> Resource:
    return kubernetes("Exchange", name, {"vhost": "v", "name": name, "type": kind})


def letters(key: str | None, to: str = "dlx") -> dict[str, Any]:
    return {**SAFE, "dead-letter-exchange": to, **({"dead-letter-routing-key": key} if key else {})}


QUEUE = queue(WORK)
POLICY = policy(WORK, **letters(DEAD_WORK), delivery_limit=10, message_ttl=1000)
DEAD_POLICY = policy(DEAD_WORK, **letters(ARCHIVED), delivery_limit=-1, message_ttl=2000)
ARCHIVE_POLICY = policy(ARCHIVED, delivery_limit=-1, message_ttl=30 * MILLISECONDS_A_DAY)
REST = (
    queue(DEAD_WORK),
    queue(ARCHIVED),
    ARCHIVE_POLICY,
    binding("dlx", DEAD_WORK, DEAD_WORK),
    binding("dlx", ARCHIVED, ARCHIVED),
)
WHOLE = (QUEUE, POLICY, DEAD_POLICY, *REST)
DELAY_POLICY = policy(LATER, **letters(None, to=""), message_ttl=10_000)
EXCHANGE, ALTERNATE = exchange("direct"), policy("direct", "exchanges", alternate_exchange="unrouted")
UNROUTED = binding("unrouted", WORK)
DEFINITION = "spec.definition"


def with_policy(path: str, value: Any) -> tuple[Resource, ...]:
    return (QUEUE, changed(POLICY, path, value), DEAD_POLICY, *REST)


def with_dead_policy(path: str, value: Any) -> tuple[Resource, ...]:
    return (QUEUE, POLICY, changed(DEAD_POLICY, path, value), *REST)


CASES = [
    Case("require-quorum-queues", (QUEUE,), (changed(QUEUE, "spec.type", "classic"),), "spec.type is classic"),
    Case("require-quorum-queues", (QUEUE,), (changed(QUEUE, "spec.durable", False),), "spec.durable is false"),
    Case("forbid-queue-arguments", (QUEUE,), (queue(WORK, arguments={"x-message-ttl": 1}),), "spec.arguments"),
    *(
        Case("require-exact-policy-patterns", (POLICY,), (changed(POLICY, "spec.pattern", pattern),), "spec.pattern")
        for pattern in ("work", "^work", "work$", "^work.a$", "^.*$", "^(work|other)$", "")
    ),
    Case("require-one-policy-per-queue", WHOLE, (QUEUE,), "with 0 policies"),
    Case("require-one-policy-per-queue", WHOLE, with_policy("spec.pattern", "work"), f"{DEAD_WORK} with 2 policies"),
    *(
        Case("require-work-queue-limits", WHOLE, with_policy(f"{DEFINITION}.{key}", ...), f"{key} is not set")
        for key in ("dead-letter-exchange", "delivery-limit", "message-ttl")
    ),
    Case(
        "require-work-queue-limits",
        WHOLE,
        with_policy(f"{DEFINITION}.delivery-limit", -1),
        "delivery-limit is -1, wanted a limit",
    ),
    Case("require-work-queue-limits", WHOLE, (QUEUE,), "spec.definition.message-ttl is not set"),
    Case(
        "require-dead-letter-queues",
        WHOLE,
        (QUEUE, POLICY, DEAD_POLICY, *(one for one in REST if one.kind != "Binding")),
        "dead-letter-routing-key",
    ),
    Case(
        "require-dead-letter-queues",
        WHOLE,
        (QUEUE, POLICY, *(one for one in REST if one.object_name != DEAD_WORK)),
        "dead-letter-routing-key",
    ),
    Case(
        "require-dead-letter-queues",
        WHOLE,
        with_dead_policy(f"{DEFINITION}.message-ttl", 1000),
        "message-ttl is 1000, wanted more than the 1000 ms",
    ),
    *(
        Case("require-safe-dead-lettering", (POLICY,), (changed(POLICY, f"{DEFINITION}.{key}", value),), key)
        for key, value in (
            ("dead-letter-strategy", "at-most-once"),
            ("dead-letter-strategy", ...),
            ("overflow", "drop-head"),
            ("max-length-bytes", ...),
        )
    ),
    Case(
        "require-archives",
        WHOLE,
        with_dead_policy(f"{DEFINITION}.dead-letter-routing-key", DEAD_WORK),
        f"wanted {ARCHIVED}",
    ),
    Case("require-archives", WHOLE, with_dead_policy(f"{DEFINITION}.delivery-limit", 10), "delivery-limit is 10"),
    Case(
        "require-archives",
        WHOLE,
        (queue(ARCHIVED), changed(ARCHIVE_POLICY, f"{DEFINITION}.message-ttl", MILLISECONDS_A_DAY)),
        "the 30 days that are documented",
    ),
    Case(
        "require-archives",
        WHOLE,
        (queue(ARCHIVED), changed(ARCHIVE_POLICY, f"{DEFINITION}.dead-letter-exchange", "dlx")),
        "dead-letter-exchange is dlx, wanted none",
    ),
    *(
        Case(
            "require-retry-delays",
            (queue(LATER), DELAY_POLICY),
            (queue(LATER), changed(DELAY_POLICY, f"{DEFINITION}.{key}", value)),
            key,
        )
        for key, value in (
            ("message-ttl", 1000),
            ("dead-letter-exchange", "dlx"),
            ("dead-letter-routing-key", WORK),
        )
    ),
    Case("require-alternate-exchanges", (EXCHANGE, ALTERNATE, UNROUTED), (EXCHANGE,), "spec.name is direct"),
    Case("require-alternate-exchanges", (EXCHANGE, ALTERNATE, UNROUTED), (EXCHANGE, ALTERNATE), "alternate-exchange"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_stops_what_it_is_for_and_lets_everything_else_pass(case: Case) -> None:
    case.check()


def test_queues_of_copies_and_of_what_is_never_too_old_are_named() -> None:
    bare = (QUEUE, policy(WORK, delivery_limit=10))
    settings = {"without_ttl": [WORK], "without_dead_letters": ["wor*"]}
    assert not messages("require-work-queue-limits", *bare, **settings)


def test_of_two_policies_the_one_with_the_higher_priority_counts() -> None:
    lax = policy(WORK, delivery_limit=10)
    assert messages("require-work-queue-limits", QUEUE, POLICY, changed(lax, "spec.priority", 1))
    assert not messages("require-work-queue-limits", QUEUE, changed(POLICY, "spec.priority", 1), lax)
