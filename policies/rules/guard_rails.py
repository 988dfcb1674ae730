"""What a change may cost, and what it may delete."""

from collections import defaultdict
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
UNITS = {"cpu": "cores", "memory": "bytes"}


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


def limit_requests(stack: Stack, settings: Settings) -> Iterator[Violation]:
    for unit in UNITS:
        total: dict[str, float] = defaultdict(float)
        sizes = {name: amount(size) or 0.0 for name, size in settings[unit].items()}
        largest: dict[str, Pods] = {}
        for pods in all_pods(stack):
            name, one = pool(pods), request(pods, unit)
            if name not in sizes:
                found = f"pods for nodes {name}"
                yield Violation(pods.owner, "spec.tolerations", found, f"nodes that there are: {', '.join(sizes)}")
                continue
            if one > sizes[name]:
                where = f"resources.requests.{unit}"
                wanted = f"at most the {settings[unit][name]} of a node {name}"
                yield Violation(pods.owner, where, f"{one:g} {UNITS[unit]}", wanted)
            total[name] += one * most(pods)
            largest[name] = max(largest.get(name, pods), pods, key=lambda each: request(each, unit) * most(each))
        for name, needed in total.items():
            room = sizes[name] * int(settings["nodes"].get(name, 0))
            if needed > room:
                found = f"{needed:g} {UNITS[unit]} for all pods on nodes {name}"
                wanted = f"at most {room:g}, which {settings['nodes'].get(name, 0)} nodes have"
                yield Violation(largest[name].owner, f"resources.requests.{unit}", found, wanted)


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
