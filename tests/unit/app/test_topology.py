"""What must hold of the topology as data, whoever reads it."""

import re
from datetime import timedelta

import pytest

from app import topology
from app.topology import ApplyTo, Policy, Queue

QUEUES = {queue.name: queue for queue in topology.QUEUES}
QUEUE_POLICIES = [policy for policy in topology.POLICIES if policy.apply_to is ApplyTo.QUORUM_QUEUES]


def policy_of(queue: Queue) -> Policy:
    [policy] = [policy for policy in QUEUE_POLICIES if re.match(policy.pattern, queue.name)]
    return policy


def ids(items: tuple[Queue, ...]) -> list[str]:
    return [item.name for item in items]


def test_every_name_is_used_once() -> None:
    for things in (topology.QUEUES, topology.EXCHANGES, topology.POLICIES, topology.SERVICES):
        names = [thing.name for thing in things]
        assert len(names) == len(set(names)), f"two of these share a name, one would overwrite the other: {names}"


@pytest.mark.parametrize("queue", topology.QUEUES, ids=ids(topology.QUEUES))
def test_exactly_one_policy_matches_each_queue(queue: Queue) -> None:
    assert policy_of(queue).name == queue.name


@pytest.mark.parametrize("queue", topology.WORK_QUEUES, ids=ids(topology.WORK_QUEUES))
def test_the_dead_letter_queue_exists_is_bound_and_outlives_its_source(queue: Queue) -> None:
    dead = QUEUES[topology.dead_letter_queue(queue.name)]
    assert queue.dead_letters is not None
    assert queue.dead_letters.routing_key == dead.name
    assert any(
        (binding.exchange, binding.queue, binding.routing_key) == (topology.DLX.name, dead.name, dead.name)
        for binding in topology.BINDINGS
    ), f"what dies in {queue.name} would be lost"
    assert dead.message_ttl is not None
    assert dead.message_ttl > (queue.message_ttl or timedelta(0))


@pytest.mark.parametrize("queue", topology.DEAD_LETTER_QUEUES, ids=ids(topology.DEAD_LETTER_QUEUES))
def test_a_dead_letter_queue_ends_in_an_archive_and_looking_never_uses_it_up(queue: Queue) -> None:
    assert queue.delivery_limit == topology.UNLIMITED_DELIVERIES
    assert queue.dead_letters is not None
    assert queue.dead_letters.routing_key in ids(topology.ARCHIVES)


@pytest.mark.parametrize("queue", topology.QUEUES, ids=ids(topology.QUEUES))
def test_a_dead_letter_route_is_at_least_once_and_bounded(queue: Queue) -> None:
    definition = policy_of(queue).definition
    if queue.dead_letters is None:
        is_copy = queue.name == topology.DEAD_SCANS
        assert is_copy or queue in topology.ARCHIVES, f"{queue.name} drops what dies in it"
        return
    assert definition["dead-letter-strategy"] == "at-least-once"
    assert definition["overflow"] == "reject-publish", "without it RabbitMQ falls back to at-most-once"
    assert "max-length-bytes" in definition, "without a bound one queue can fill the disk for all"


@pytest.mark.parametrize("queue", topology.RETRY_QUEUES, ids=ids(topology.RETRY_QUEUES))
def test_a_retry_queue_gives_back_to_the_queue_that_the_message_came_from(queue: Queue) -> None:
    definition = policy_of(queue).definition
    assert definition["dead-letter-exchange"] == topology.DEFAULT_EXCHANGE
    assert "dead-letter-routing-key" not in definition, "the message's own key names the queue it came from"


def test_every_way_to_lose_a_scan_is_told_to_who_fails_it() -> None:
    told = {
        (binding.exchange, binding.routing_key) for binding in topology.BINDINGS if binding.queue == topology.DEAD_SCANS
    }
    dead = {(topology.DLX.name, topology.dead_letter_queue(task.queue)) for task in topology.SCAN_TASKS}
    assert told == dead | {(topology.UNROUTED.name, "")}, "such a scan would stay under way for ever"


def test_the_queue_of_copies_never_holds_up_the_dead_letters_themselves() -> None:
    assert policy_of(QUEUES[topology.DEAD_SCANS]).definition["overflow"] == "drop-head"


def test_no_publish_vanishes_for_want_of_a_binding() -> None:
    published = {exchange for service in topology.SERVICES for exchange in service.publishes}
    # What is told to whoever listens just now is kept elsewhere, and read from there by who comes later.
    published -= {exchange for service in topology.SERVICES for exchange in service.listens}
    without = [
        exchange.name for exchange in topology.EXCHANGES if exchange.name in published and not exchange.alternate
    ]
    assert not without, f"the broker confirms and drops what {without} cannot route"


def test_no_two_services_take_from_one_queue() -> None:
    taken = [queue for service in topology.SERVICES for queue in service.consumes]
    assert len(taken) == len(set(taken)), "one service's slow messages would hold up the other's"


def test_every_binding_joins_what_exists() -> None:
    exchanges = {exchange.name for exchange in topology.EXCHANGES}
    for binding in topology.BINDINGS:
        assert binding.exchange in exchanges
        assert binding.queue in QUEUES


def test_every_queue_has_a_way_in() -> None:
    bound = {binding.queue for binding in topology.BINDINGS}
    assert set(QUEUES) == bound, "an unbound queue never gets a message"


def test_alternate_exchanges_exist_and_lead_to_a_queue() -> None:
    bound = {binding.exchange for binding in topology.BINDINGS}
    alternates = {exchange.alternate for exchange in topology.EXCHANGES if exchange.alternate}
    assert alternates <= bound, f"unroutable messages would vanish in {alternates - bound}"


@pytest.mark.parametrize("task", topology.TASKS, ids=[task.name for task in topology.TASKS])
def test_each_task_waits_longer_with_each_retry(task: topology.Task) -> None:
    delays = [rung.delay for rung in task.ladder]
    assert delays == sorted(set(delays))
    assert len(delays) == 3


def permits(pattern: str, name: str) -> bool:
    return re.search(pattern, name) is not None


@pytest.mark.parametrize("service", topology.SERVICES, ids=[service.name for service in topology.SERVICES])
def test_a_service_may_touch_exactly_its_own_exchanges_and_queues(service: topology.Service) -> None:
    queues = {name for name in QUEUES if permits(service.read, name)}
    exchanges = {exchange.name for exchange in topology.EXCHANGES if permits(service.write, exchange.name)}
    assert queues == set(service.consumes)
    assert exchanges == set(service.publishes)
    everything = [*QUEUES, *(exchange.name for exchange in topology.EXCHANGES)]
    assert not [name for name in everything if permits(service.configure, name)], "the topology is the operator's alone"
