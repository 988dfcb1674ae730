"""Queues, their policies, and the ways of dead letters."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from policies.resources import Resource, Stack, mapping
from policies.rule import ResourceRule, Setting, Settings, StackRule, Violation

DEAD, ARCHIVE, DELAY = "dlq.", "archive.", "retry."
"""How the names of queues begin that hold dead letters, what is left of those, and what is to be tried again."""

DEFAULT_EXCHANGE = ""
OF_QUEUES = ("queues", "quorum_queues", "all")
OF_EXCHANGES = ("exchanges", "all")
UNLIMITED = -1
EXACT = re.compile(r"\^((?:[A-Za-z0-9_]|\\[^A-Za-z0-9])+)\$")
"""A pattern for one name: anchored, and every character that could mean something else is escaped."""
MILLISECONDS_A_DAY = 86_400_000


def queue_name(queue: Resource) -> str:
    return str(queue.get("spec.name") or queue.object_name)


def policies_of(stack: Stack, name: str, vhost: Any, applies_to: tuple[str, ...]) -> list[Resource]:
    """Those whose pattern takes this name."""
    return [
        policy
        for policy in stack.find("Policy", vhost=vhost)
        if policy.get("spec.applyTo") in applies_to and _takes(policy.get("spec.pattern"), name)
    ]


def _takes(pattern: Any, name: str) -> bool:
    try:
        return re.search(str(pattern), name) is not None
    except re.error:
        return False


def policy_of(stack: Stack, queue: Resource) -> Resource | None:
    """The policy that the broker applies: of several that with the highest priority."""
    found = policies_of(stack, queue_name(queue), queue.get("spec.vhost"), OF_QUEUES)
    return max(found, key=lambda policy: policy.get("spec.priority", 0) or 0, default=None)


def definition(policy: Resource | None) -> Mapping[str, Any]:
    return mapping(policy.get("spec.definition")) if policy is not None else {}


def find_queue(stack: Stack, vhost: Any, name: Any) -> Resource | None:
    return next((queue for queue in stack.find("Queue", vhost=vhost) if queue_name(queue) == name), None)


def work_queues(stack: Stack) -> Iterator[Resource]:
    """Queues that somebody works off: all that hold neither dead letters nor what is to be tried again."""
    for queue in stack.of("Queue"):
        if not queue_name(queue).startswith((DEAD, ARCHIVE, DELAY)):
            yield queue


def is_named(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def require_quorum_queues(queue: Resource, settings: Settings) -> Iterator[Violation]:
    for key, wanted in (("type", "quorum"), ("durable", True)):
        if queue.get(f"spec.{key}") != wanted:
            yield Violation(queue, f"spec.{key}", queue.get(f"spec.{key}"), str(wanted).lower())


def forbid_queue_arguments(queue: Resource, settings: Settings) -> Iterator[Violation]:
    if queue.get("spec.arguments"):
        yield Violation(queue, "spec.arguments", queue.get("spec.arguments"), "none")


def require_exact_patterns(policy: Resource, settings: Settings) -> Iterator[Violation]:
    pattern = policy.get("spec.pattern", "")
    if not EXACT.fullmatch(str(pattern)):
        wanted = "one name, anchored by ^ and $, with its dots and other signs escaped"
        yield Violation(policy, "spec.pattern", pattern, wanted)


def require_one_policy(stack: Stack, settings: Settings) -> Iterator[Violation]:
    for queue in stack.of("Queue"):
        found = policies_of(stack, queue_name(queue), queue.get("spec.vhost"), OF_QUEUES)
        if len(found) != 1:
            names = ", ".join(policy.object_name for policy in found)
            yield Violation(queue, "spec.name", f"{queue_name(queue)} with {len(found)} policies {names}", "one")


def require_work_queue_limits(stack: Stack, settings: Settings) -> Iterator[Violation]:
    for queue in work_queues(stack):
        name, policy = queue_name(queue), policy_of(stack, queue)
        subject, has = policy or queue, definition(policy)
        wanted = {
            "dead-letter-exchange": not is_named(name, settings["without_dead_letters"]),
            "delivery-limit": True,
            "message-ttl": not is_named(name, settings["without_ttl"]),
        }
        for key, needed in wanted.items():
            if needed and not has.get(key):
                yield Violation(subject, f"spec.definition.{key}", has.get(key), f"one, for the work queue {name}")
        if isinstance(has.get("delivery-limit"), int) and has["delivery-limit"] < 0:
            yield Violation(subject, "spec.definition.delivery-limit", has["delivery-limit"], "a limit")


def require_dead_letter_queues(stack: Stack, settings: Settings) -> Iterator[Violation]:
    """Whoever dead-letters to an exchange other than the default one must reach a queue that keeps letters longer."""
    for queue in stack.of("Queue"):
        policy = policy_of(stack, queue)
        route = definition(policy)
        if policy is None or not route.get("dead-letter-exchange"):
            continue
        key = route.get("dead-letter-routing-key")
        where = "spec.definition.dead-letter-routing-key"
        targets = [
            target
            for binding in stack.find("Binding", vhost=queue.get("spec.vhost"), source=route["dead-letter-exchange"])
            if binding.get("spec.routingKey") == key
            and (target := find_queue(stack, queue.get("spec.vhost"), binding.get("spec.destination"))) is not None
        ]
        keepers = [target for target in targets if queue_name(target).startswith((DEAD, ARCHIVE))]
        if not keepers:
            wanted = f"the key of a binding from {route['dead-letter-exchange']} to a dead-letter queue that exists"
            yield Violation(policy, where, key, wanted)
        yield from _outlived(stack, route.get("message-ttl"), keepers)


def _outlived(stack: Stack, ttl: Any, keepers: list[Resource]) -> Iterator[Violation]:
    for keeper in keepers:
        policy = policy_of(stack, keeper)
        kept = definition(policy).get("message-ttl")
        if ttl is not None and kept is not None and kept <= ttl:
            wanted = f"more than the {ttl} ms of the queue whose dead letters it keeps"
            yield Violation(policy or keeper, "spec.definition.message-ttl", kept, wanted)


def require_safe_dead_lettering(policy: Resource, settings: Settings) -> Iterator[Violation]:
    has = definition(policy)
    if "dead-letter-exchange" not in has:
        return
    for key, wanted in (("dead-letter-strategy", "at-least-once"), ("overflow", "reject-publish")):
        if has.get(key) != wanted:
            yield Violation(policy, f"spec.definition.{key}", has.get(key), wanted)
    if not (has.get("max-length-bytes") or has.get("max-length")):
        yield Violation(policy, "spec.definition.max-length-bytes", None, "a length at which publishers are refused")


def require_archives(stack: Stack, settings: Settings) -> Iterator[Violation]:
    for queue in stack.of("Queue"):
        name, policy = queue_name(queue), policy_of(stack, queue)
        subject, has = policy or queue, definition(policy)
        if not name.startswith((DEAD, ARCHIVE)):
            continue
        if has.get("delivery-limit") != UNLIMITED:
            limit = has.get("delivery-limit")
            yield Violation(subject, "spec.definition.delivery-limit", limit, "-1: a look into it uses no letter up")
        if name.startswith(DEAD):
            archive = f"{ARCHIVE}{name.removeprefix(DEAD)}"
            if has.get("dead-letter-routing-key") != archive:
                key = has.get("dead-letter-routing-key")
                yield Violation(subject, "spec.definition.dead-letter-routing-key", key, archive)
            continue
        documented = settings["archive_days"] * MILLISECONDS_A_DAY
        if has.get("message-ttl") != documented:
            wanted = f"{documented}, the {settings['archive_days']} days that are documented"
            yield Violation(subject, "spec.definition.message-ttl", has.get("message-ttl"), wanted)
        if has.get("dead-letter-exchange") is not None:
            yield Violation(subject, "spec.definition.dead-letter-exchange", has["dead-letter-exchange"], "none")


def require_retry_delays(stack: Stack, settings: Settings) -> Iterator[Violation]:
    """``retry.Ns`` holds a message for N seconds, and gives it back to the queue whose name is its routing key."""
    for queue in stack.of("Queue"):
        if not (delay := re.fullmatch(rf"{re.escape(DELAY)}(\d+)s", queue_name(queue))):
            continue
        policy = policy_of(stack, queue)
        subject, has = policy or queue, definition(policy)
        for key, wanted in (("message-ttl", int(delay[1]) * 1000), ("dead-letter-exchange", DEFAULT_EXCHANGE)):
            if has.get(key) != wanted:
                yield Violation(subject, f"spec.definition.{key}", has.get(key), str(wanted) or "the default exchange")
        if "dead-letter-routing-key" in has:
            key = has["dead-letter-routing-key"]
            yield Violation(subject, "spec.definition.dead-letter-routing-key", key, "none: the message keeps its own")


def require_alternate_exchanges(stack: Stack, settings: Settings) -> Iterator[Violation]:
    """What a direct exchange has no queue for is confirmed to its publisher, and gone, unless it goes elsewhere."""
    for exchange in stack.find("Exchange", type="direct"):
        vhost, name = exchange.get("spec.vhost"), str(exchange.get("spec.name"))
        found = policies_of(stack, name, vhost, OF_EXCHANGES)
        others = [definition(policy).get("alternate-exchange") for policy in found]
        there = [other for other in others if stack.find("Binding", vhost=vhost, source=other)]
        if not there:
            subject = found[0] if found else exchange
            where = "spec.definition.alternate-exchange" if found else "spec.name"
            wanted = f"an alternate exchange of {name} that is bound to a queue"
            yield Violation(subject, where, others[0] if found else name, wanted)


TOPOLOGY = "Change it in app/topology.py, of which the resources are computed"

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
        description="What a Policy can say is no argument of a queue, which can never be changed again.",
        remedy="Say it in the queue's Policy (app/topology.py)",
        kinds=("Queue",),
        check=forbid_queue_arguments,
    ),
    ResourceRule(
        name="require-exact-policy-patterns",
        description="A policy is for one name: an open pattern takes a queue's dead-letter queue as well.",
        remedy=TOPOLOGY,
        kinds=("Policy",),
        check=require_exact_patterns,
    ),
    StackRule(
        name="require-one-policy-per-queue",
        description="Each queue has one policy: the broker applies one, and a queue without one has no limits.",
        remedy=TOPOLOGY,
        check=require_one_policy,
    ),
    StackRule(
        name="require-work-queue-limits",
        description="A work queue has a dead-letter route, a delivery limit and a TTL: nothing stays in it for ever.",
        remedy=TOPOLOGY,
        settings={
            "without_dead_letters": Setting(["scan.dead"], "queues of copies, whose originals are kept elsewhere"),
            "without_ttl": Setting(["celery"], "queues whose messages are never too old"),
        },
        check=require_work_queue_limits,
    ),
    StackRule(
        name="require-dead-letter-queues",
        description="A dead-letter route ends in a bound queue, which keeps letters longer than its source.",
        remedy=TOPOLOGY,
        check=require_dead_letter_queues,
    ),
    ResourceRule(
        name="require-safe-dead-lettering",
        description="Dead letters are handed over at least once: otherwise the loss of a broker loses them.",
        remedy=TOPOLOGY,
        kinds=("Policy",),
        check=require_safe_dead_lettering,
    ),
    StackRule(
        name="require-archives",
        description="A dead-letter queue ends in its archive, which keeps letters for as long as is documented.",
        remedy=TOPOLOGY,
        settings={"archive_days": Setting(30, "days that an archive keeps a letter, as README.md says")},
        check=require_archives,
    ),
    StackRule(
        name="require-retry-delays",
        description="A retry queue holds a message as long as its name says, and gives it back to where it came from.",
        remedy=TOPOLOGY,
        check=require_retry_delays,
    ),
    StackRule(
        name="require-alternate-exchanges",
        description="What a direct exchange has no queue for is kept: a broker confirms such messages too.",
        remedy=TOPOLOGY,
        check=require_alternate_exchanges,
    ),
)
