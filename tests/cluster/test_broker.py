"""What the broker has is what app/topology.py says: nothing missing, nothing extra, not even of Celery's own."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from app import topology
from app.topology import ApplyTo
from tests.cluster.brokers import is_anonymous, listeners, wanted_listeners
from tests.cluster.clients import Broker, Model, Scans, Shell, wait_for

pytestmark = pytest.mark.every_stack

POLICY_KINDS = {ApplyTo.QUORUM_QUEUES: "quorum_queues", ApplyTo.EXCHANGES: "exchanges"}


def named(queues: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [queue for queue in ours(queues) if not is_anonymous(queue["name"])]


def test_every_process_that_listens_has_a_queue_of_its_own(broker: Broker, shell: Shell) -> None:
    wanted = wanted_listeners(shell)
    assert all(wanted.values()), f"nobody would listen: {wanted}"
    # A pod that is on its way out has its queue for some seconds more.
    wait_for("a queue for each", lambda: listeners(broker.in_vhost("queues")) == wanted, timeout_seconds=30)
    queues = [queue for queue in ours(broker.in_vhost("queues")) if is_anonymous(queue["name"])]
    assert all(queue["exclusive"] and not queue["durable"] for queue in queues), "what is left of it would fill up"


def test_the_metadata_are_in_a_raft_group_and_no_feature_is_left_off(broker: Broker) -> None:
    flags = {item["name"]: item for item in broker.everywhere("feature-flags")}
    off = {name for name, flag in flags.items() if flag["state"] != "enabled"}
    assert "khepri_db" in flags.keys() - off, "after a network cut it would take a hand to bring the brokers together"
    assert not {name for name in off if flags[name]["stability"] != "experimental"}


def ours(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what RabbitMQ itself makes in every vhost."""
    return [item for item in items if item["name"] and not item["name"].startswith("amq.")]


def in_the_end(look: Callable[[], dict[str, Any]], wanted: dict[str, Any]) -> dict[str, Any]:
    """What is seen once it is as wanted, or half a minute later: of a queue whose leader has just moved to another
    broker the management API knows no more than its name for some seconds."""
    with suppress(AssertionError):
        wait_for("the queues to be told of", lambda: look() == wanted, 30)
    return look()


def test_the_queues_are_exactly_those_of_the_topology(broker: Broker) -> None:
    def found() -> dict[str, Any]:
        return {
            queue["name"]: (queue["type"], queue["durable"], queue["arguments"], queue.get("policy"))
            for queue in named(broker.in_vhost("queues"))
        }

    wanted = {queue.name: ("quorum", True, {"x-queue-type": "quorum"}, queue.name) for queue in topology.QUEUES}
    assert in_the_end(found, wanted) == wanted


def test_the_effective_policy_of_each_queue_is_the_one_written_for_it(broker: Broker) -> None:
    wanted = {
        policy.name: policy.definition for policy in topology.POLICIES if policy.apply_to is ApplyTo.QUORUM_QUEUES
    }

    def found() -> dict[str, Any]:
        return {queue["name"]: queue.get("effective_policy_definition") for queue in named(broker.in_vhost("queues"))}

    assert in_the_end(found, wanted) == wanted


def test_the_policies_are_exactly_those_of_the_topology(broker: Broker) -> None:
    found = {
        (policy["name"], policy["pattern"], policy["apply-to"], str(sorted(policy["definition"].items())))
        for policy in broker.in_vhost("policies")
    }
    assert found == {
        (policy.name, policy.pattern, POLICY_KINDS[policy.apply_to], str(sorted(policy.definition.items())))
        for policy in topology.POLICIES
    }


def test_the_exchanges_are_exactly_those_of_the_topology(broker: Broker) -> None:
    found = {
        (exchange["name"], exchange["type"], exchange["durable"]) for exchange in ours(broker.in_vhost("exchanges"))
    }
    assert found == {(exchange.name, exchange.type.value, True) for exchange in topology.EXCHANGES}


def test_the_bindings_are_exactly_those_of_the_topology(broker: Broker) -> None:
    bindings = [
        item for item in broker.in_vhost("bindings") if item["source"] and not is_anonymous(item["destination"])
    ]  # each queue has one to the default exchange
    found = {(item["source"], item["destination"], item["routing_key"]) for item in bindings}
    assert found == {(item.exchange, item.queue, item.routing_key) for item in topology.BINDINGS}


def test_each_service_has_a_user_of_its_own_with_exactly_its_rights(broker: Broker, shell: Shell) -> None:
    found = {
        item["user"]: (item["configure"], item["write"], item["read"])
        for item in broker.everywhere("permissions")
        if item["vhost"] == topology.VHOST
    }
    wanted = {}
    for service in topology.SERVICES:
        user = shell.secret(service.namespace, f"{service.name}-user-credentials")["username"]
        wanted[user] = (service.configure, service.write, service.read)
    administrator = shell.secret("rabbitmq", "eco2-rabbitmq-default-user")["username"]
    found.pop(administrator, None)
    assert found == wanted
    tags = {user["name"]: user["tags"] for user in broker.everywhere("users") if user["name"] != administrator}
    assert set(map(str, tags.values())) <= {"[]"}, f"a service needs no tag: {tags}"


@pytest.mark.parametrize(
    "kind", ["rabbitmqclusters", "vhosts", "queues", "exchanges", "bindings", "policies", "users", "permissions"]
)
def test_every_custom_resource_is_ready(kind: str, shell: Shell) -> None:
    items = shell.get(f"{kind}.rabbitmq.com", "--all-namespaces")["items"]
    assert items, f"no {kind} at all"
    wanted = "AllReplicasReady" if kind == "rabbitmqclusters" else "Ready"
    unready = [
        item["metadata"]["name"]
        for item in items
        if not any(c["type"] == wanted and c["status"] == "True" for c in item.get("status", {}).get("conditions", []))
    ]
    assert not unready


def test_workers_limit_what_they_hold_per_consumer(broker: Broker) -> None:
    consumers = wait_for("consumers of the work queues", lambda: broker.in_vhost("consumers"))
    savers = (topology.SAVE_OWNERSHIP, topology.SAVE_CHARACTER)
    for queue in (*(task.queue for task in topology.TASKS), *savers):
        held = [item["prefetch_count"] for item in consumers if item["queue"]["name"] == queue]
        assert held, f"nobody consumes {queue}"
        assert all(count > 0 for count in held), "an unlimited consumer takes the whole backlog into its memory"
    for channel in broker.everywhere("channels"):
        assert not channel.get("global_prefetch_count"), "quorum queues refuse a global prefetch (540)"


def test_publishers_confirm(broker: Broker, shell: Shell, scans: Scans, model: Model) -> None:
    scans.finish(scans.submit_url("https://photos.example.com/can.jpg"))  # the relay connects with its first publish
    api = shell.secret("scan", "scan-api-user-credentials")["username"]

    def confirming() -> bool:
        """The broker tells of a channel as it was opened, and of what it was told then a few seconds later."""
        channels = [channel for channel in broker.everywhere("channels") if channel["user"] == api]
        publishing = [channel for channel in channels if not channel["consumer_count"]]
        return bool(publishing) and all(channel["confirm"] for channel in publishing)

    wait_for("confirms on each channel that publishes: without them a message can vanish", confirming, 30)


def test_celery_never_met_a_refusal(shell: Shell) -> None:
    refusals = re.compile(r"NOT_IMPLEMENTED|PRECONDITION_FAILED|ACCESS_REFUSED")
    for component in ("scan-worker", "scan-api", "reward-worker", "celery-beat"):
        for pod in shell.pods("scan", component):
            log = shell.kubectl("logs", pod["metadata"]["name"], "--namespace=scan")
            assert not refusals.findall(log), f"{component} met 540, 406 or 403"
