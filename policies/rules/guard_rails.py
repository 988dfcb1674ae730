"""What a change may cost, and what it may delete."""

from collections.abc import Iterator
from typing import Any

from policies.objects import Pods, all_pods
from policies.quantities import amount
from policies.resources import Resource, Stack, mapping, sequence
from policies.rule import ResourceRule, Setting, Settings, StackRule, Violation

DATA = (
    "Namespace",
    "RabbitmqCluster",
    "Vhost",
    "Queue",
    "StatefulSet",
    "aws:ecr:Repository",
    "aws:elasticache:ReplicationGroup",
    "aws:rds:Instance",
)
"""Kinds whose deletion deletes data with them."""
OTHER = "other"
"""The nodes that belong to no domain."""
UNITS = ("cpu", "memory")
GIB = 2**30


def pool(pods: Pods) -> str:
    """The domain of the nodes that the pods tolerate, for others all other nodes."""
    where = "spec.tolerations" if pods.owner.kind == "RabbitmqCluster" else pods.at("tolerations")
    domains = [one.get("value") for one in map(mapping, sequence(pods.owner.get(where))) if one.get("key") == "domain"]
    return str(domains[0]) if domains else OTHER


def request(pods: Pods, unit: str) -> float:
    """Of one pod; what an init container needs more than all others is not counted, for ours need less."""
    running = (container for container in pods.containers if not container.is_init)
    return sum(amount(container.get(f"resources.requests.{unit}")) or 0.0 for container in running)


def most(pods: Pods) -> int:
    """Pods during an update, with those that it may add."""
    replicas = pods.replicas if isinstance(pods.replicas, int) else 1
    surge = pods.owner.get("spec.strategy.rollingUpdate.maxSurge", 0)
    return replicas + (surge if isinstance(surge, int) else 0)


def where(pods: Pods, unit: str) -> str:
    """The path of the request of the first container, which for ours is the one that counts."""
    running = [container for container in pods.containers if not container.is_init]
    path = "spec" if pods.is_operated or not running else running[0].path
    return f"{path}.resources.requests.{unit}"


def shown(value: float, unit: str) -> str:
    return f"{value:g} cores" if unit == "cpu" else f"{value / GIB:.1f}Gi"


def limit_requests(stack: Stack, settings: Settings) -> Iterator[Violation]:
    everything, known = all_pods(stack), settings["nodes"]
    for pods in everything:
        if pool(pods) not in known:
            yield Violation(pods.owner, pods.at("tolerations"), pool(pods), f"nodes that there are: {', '.join(known)}")
    for name, number in known.items():
        here = [pods for pods in everything if pool(pods) == name]
        for unit in UNITS:
            yield from _limit(here, unit, amount(settings[unit].get(name)) or 0.0, int(number), name)


def _limit(everything: list[Pods], unit: str, size: float, nodes: int, name: str) -> Iterator[Violation]:
    for pods in everything:
        if (one := request(pods, unit)) > size:
            wanted = f"at most the {shown(size, unit)} of a node of {name}"
            yield Violation(pods.owner, where(pods, unit), shown(one, unit), wanted)
    total = sum(request(pods, unit) * most(pods) for pods in everything)
    if total > size * nodes:
        largest = max(everything, key=lambda pods: request(pods, unit) * most(pods))
        found = f"{shown(request(largest, unit) * most(largest), unit)} of {shown(total, unit)} on all nodes of {name}"
        wanted = f"together at most the {shown(size * nodes, unit)} of {nodes}"
        yield Violation(largest.owner, where(largest, unit), found, wanted)


def protect_data(resource: Resource, settings: Settings) -> Iterator[Violation]:
    if resource.kind in settings["kinds"] and not resource.protected:
        yield Violation(resource, "protect", False, "true")


def _nodes(**sizes: Any) -> dict[str, str]:
    return {key: str(value) for key, value in sizes.items()}


RULES = (
    StackRule(
        name="limit-requests-to-nodes",
        description="What all pods request, during an update as well, fits the nodes that there are.",
        remedy="Lower requests or replicas in the stack's file, or add nodes there and in policies/<stack>.json",
        settings={
            "nodes": Setting(_nodes(data=3, other=3), "nodes by their domain"),
            "cpu": Setting(_nodes(data="1930m", other="1930m"), "CPU of one such node that pods may request"),
            "memory": Setting(_nodes(data="7Gi", other="7Gi"), "memory of one such node that pods may request"),
        },
        check=limit_requests,
    ),
    ResourceRule(
        name="protect-data",
        description="Pulumi refuses to delete what deletes data with it.",
        remedy="Set eco2:protectData to true",
        settings={"kinds": Setting(list(DATA), "kinds that must be protected")},
        kinds=DATA,
        check=protect_data,
    ),
)
