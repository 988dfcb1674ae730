"""The custom resources and app/topology.py say the same, in both directions."""

import re
from collections.abc import Iterable

import pytest

from app import topology
from tests.unit.conftest import Recording

TOPOLOGY_KINDS = ("Vhost", "Exchange", "Queue", "Policy", "Binding")


def specs(stack: Recording, kind: str) -> list[dict[str, object]]:
    """The specs without what all of them have."""
    cluster = {"name": "eco2-rabbitmq", "namespace": "rabbitmq"}
    found = [made.spec for made in stack.of_kind(kind)]
    assert all(spec.pop("rabbitmqClusterReference") == cluster for spec in found)
    return by_name(found)


def by_name(specs: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(specs, key=lambda spec: str(spec.get("name")))


def test_every_queue_has_its_resource_and_every_resource_its_queue(built: Recording) -> None:
    wanted = [{"name": queue.name, "vhost": "eco2", "type": "quorum", "durable": True} for queue in topology.QUEUES]
    assert specs(built, "Queue") == by_name(wanted), "an argument on a live queue can never be changed again"


def test_every_exchange_has_its_resource_and_every_resource_its_exchange(built: Recording) -> None:
    assert specs(built, "Exchange") == by_name(
        {"name": exchange.name, "vhost": "eco2", "type": exchange.type.value, "durable": True}
        for exchange in topology.EXCHANGES
    )


def test_every_policy_has_its_resource_and_every_resource_its_policy(built: Recording) -> None:
    assert specs(built, "Policy") == by_name(
        {
            "name": policy.name,
            "vhost": "eco2",
            "pattern": policy.pattern,
            "applyTo": policy.apply_to.value,
            "definition": policy.definition,
        }
        for policy in topology.POLICIES
    )


def test_every_binding_has_its_resource_and_every_resource_its_binding(built: Recording) -> None:
    found = [(spec["source"], spec["destination"], spec.get("routingKey", "")) for spec in specs(built, "Binding")]
    wanted = [(binding.exchange, binding.queue, binding.routing_key) for binding in topology.BINDINGS]
    assert sorted(map(str, found)) == sorted(map(str, wanted))


def test_every_service_has_a_user_of_its_name_and_exactly_its_rights(built: Recording) -> None:
    for service in topology.SERVICES:
        permission = built.one("Permission", service.name, service.namespace)
        assert permission.spec["userReference"] == {"name": service.name}
        assert permission.spec["permissions"] == {
            "configure": service.configure,
            "write": service.write,
            "read": service.read,
        }
        assert built.one("User", service.name, service.namespace).spec["importCredentialsSecret"] == {
            "name": f"{service.name}-user"
        }
    assert len(built.of_kind("User")) == len(built.of_kind("Permission")) == len(topology.SERVICES)


def test_a_user_imports_its_name_and_no_password(built: Recording) -> None:
    for service in topology.SERVICES:
        imported = built.one("Secret", f"{service.name}-user", service.namespace).inputs["data"]
        assert list(imported) == ["username"], "a password given here would stand in the stack's state"


@pytest.mark.parametrize("kind", TOPOLOGY_KINDS)
def test_no_two_resources_share_a_name(kind: str, dev: Recording) -> None:
    names = [made.metadata["name"] for made in dev.of_kind(kind)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name) for name in names)


def test_the_cluster_lets_in_the_namespaces_of_its_users(built: Recording) -> None:
    annotations = built.of_kind("RabbitmqCluster")[0].metadata["annotations"]
    allowed = annotations["rabbitmq.com/topology-allowed-namespaces"].split(",")
    assert set(allowed) == {service.namespace for service in topology.SERVICES}


def test_every_custom_resource_is_awaited_by_its_status(built: Recording) -> None:
    for made in built.made:
        if made.type.startswith("kubernetes:rabbitmq.com/"):
            waits = made.metadata["annotations"]["pulumi.com/waitFor"]
            wanted = "AllReplicasReady" if made.type.endswith("RabbitmqCluster") else "condition=Ready"
            assert wanted in waits, f"{made.name}: what depends on it would start too early"
