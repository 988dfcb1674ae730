"""The RabbitmqCluster and the volumes of whatever holds data."""

from collections.abc import Iterator
from typing import Any

from policies.objects import CLUSTER, all_pods, pods_of
from policies.resources import Resource, Stack, mapping, sequence
from policies.rule import ResourceRule, Setting, Settings, StackRule, Violation

HOSTNAME = "kubernetes.io/hostname"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
EBS = "ebs.csi.aws.com"


def require_broker_majority(cluster: Resource, settings: Settings) -> Iterator[Violation]:
    replicas, least = cluster.get("spec.replicas", 1), settings["least"]
    if not isinstance(replicas, int) or replicas % 2 == 0 or replicas < least:
        yield Violation(cluster, "spec.replicas", replicas, f"an odd number, {least} or more")


def spread_brokers(cluster: Resource, settings: Settings) -> Iterator[Violation]:
    replicas = cluster.get("spec.replicas", 1)
    if not isinstance(replicas, int) or replicas < 2:
        return
    where, pods = f"spec.affinity.podAntiAffinity.{REQUIRED}", pods_of(cluster)
    terms = sequence(cluster.get(where))
    apart = [
        term
        for term in map(mapping, terms)
        if term.get("topologyKey") == HOSTNAME and pods is not None and pods.selected_by(term.get("labelSelector"))
    ]
    if not apart:
        yield Violation(cluster, where, terms, f"a term by {HOSTNAME} for the brokers' own labels")


def require_broker_memory(cluster: Resource, settings: Settings) -> Iterator[Violation]:
    request, limit = (cluster.get(f"spec.resources.{key}.memory") for key in ("requests", "limits"))
    if not limit:
        yield Violation(cluster, "spec.resources.limits.memory", limit, "a limit")
    elif settings["request_is_limit"] and request != limit:
        yield Violation(cluster, "spec.resources.requests.memory", request, f"{limit}, as the limit")


def require_broker_settings(cluster: Resource, settings: Settings) -> Iterator[Violation]:
    text = cluster.get("spec.rabbitmq.additionalConfig", "")
    lines = dict(line.split(" = ", 1) for line in str(text).splitlines() if " = " in line)
    for key, wanted in settings["lines"].items():
        if lines.get(key) != wanted:
            found = f"without {key}" if key not in lines else f"{key} = {lines[key]}"
            yield Violation(cluster, "spec.rabbitmq.additionalConfig", found, f"{key} = {wanted}")


def claims(stack: Stack) -> Iterator[tuple[Resource, str, Any]]:
    """Every claim of a volume: the resource, the path of its class, and the class."""
    for cluster in stack.of(CLUSTER):
        path = "spec.persistence.storageClassName"
        yield cluster, path, cluster.get(path)
    for one in stack.of("StatefulSet"):
        for index, claim in enumerate(sequence(one.get("spec.volumeClaimTemplates"))):
            path = f"spec.volumeClaimTemplates[{index}].spec.storageClassName"
            yield one, path, mapping(mapping(claim).get("spec")).get("storageClassName")
    for one in stack.of("Prometheus"):
        path = "spec.storage.volumeClaimTemplate.spec.storageClassName"
        yield one, path, one.get(path)
    for one in stack.of("PersistentVolumeClaim"):
        yield one, "spec.storageClassName", one.get("spec.storageClassName")


def require_encrypted_volumes(stack: Stack, settings: Settings) -> Iterator[Violation]:
    declared = {one.object_name: one for one in stack.of("StorageClass")}
    for one in declared.values():
        for key, wanted in (("type", "gp3"), ("encrypted", "true")):
            if one.get(f"parameters.{key}") != wanted and one.get("provisioner") == EBS:
                yield Violation(one, f"parameters.{key}", one.get(f"parameters.{key}"), wanted)
    known = {name for name, one in declared.items() if one.get("provisioner") == EBS} | set(settings["trusted"])
    for claimant, path, name in claims(stack):
        if name not in known:
            yield Violation(
                claimant, path, name, f"an encrypted class: {', '.join(sorted(known)) or 'none is declared'}"
            )


def require_data_nodes(cluster: Resource, settings: Settings) -> Iterator[Violation]:
    """Brokers share their nodes with nobody: a neighbour that takes the disk or the memory stops every queue."""
    if not (domain := settings["domain"]):
        return
    if {"key": "domain", "operator": "Equal", "value": domain, "effect": "NoSchedule"} not in sequence(
        cluster.get("spec.tolerations")
    ):
        tolerated = cluster.get("spec.tolerations")
        yield Violation(cluster, "spec.tolerations", tolerated, f"one of domain={domain}:NoSchedule")
    where = f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms"
    terms = sequence(cluster.get(where))
    wanted = {"key": "domain", "operator": "In", "values": [domain]}
    if not terms or not all(wanted in sequence(mapping(term).get("matchExpressions")) for term in terms):
        yield Violation(cluster, where, terms, f"domain In {domain} in every term")


def require_budgets(stack: Stack, settings: Settings) -> Iterator[Violation]:
    """One pod of several at a time; and none for a single pod, whose node could never be drained."""
    budgets = stack.of("PodDisruptionBudget")
    for pods in all_pods(stack):
        replicas = pods.replicas
        own = [
            one
            for one in budgets
            if one.namespace == pods.owner.namespace and pods.selected_by(one.get("spec.selector"))
        ]
        if isinstance(replicas, int) and replicas > 1 and not own:
            yield Violation(pods.owner, "spec.replicas", f"{replicas} without a PodDisruptionBudget", "with one")
        for budget in own:
            allowed = budget.get("spec.maxUnavailable")
            if allowed != 1:
                yield Violation(budget, "spec.maxUnavailable", allowed, "1")
            if replicas == 1:
                yield Violation(budget, "spec.selector", "of a single pod", "no budget: its node could not be drained")


RULES = (
    ResourceRule(
        name="require-broker-majority",
        description="Brokers are an odd number: an even one can be cut into halves of which none has the majority.",
        remedy="Set eco2:rabbitmqReplicas",
        settings={"least": Setting(3, "the least brokers that there must be")},
        kinds=(CLUSTER,),
        check=require_broker_majority,
    ),
    ResourceRule(
        name="spread-brokers",
        description="No two brokers share a node: its loss would take two members of every queue.",
        remedy="Keep one_per_node in infra/rabbitmq.py",
        kinds=(CLUSTER,),
        check=spread_brokers,
    ),
    ResourceRule(
        name="require-data-nodes",
        description="Brokers run on the nodes that are theirs alone.",
        remedy="Set eco2:rabbitmqNodeDomain",
        settings={"domain": Setting("data", "label and taint of their nodes, empty where there are none")},
        kinds=(CLUSTER,),
        check=require_data_nodes,
    ),
    ResourceRule(
        name="require-broker-memory",
        description="A broker has a memory limit, and requests as much: it is never the one that the kernel kills.",
        remedy="Set eco2:rabbitmqMemoryRequest and eco2:rabbitmqMemoryLimit to the same",
        settings={"request_is_limit": Setting(True, "whether the request must be as large")},
        kinds=(CLUSTER,),
        check=require_broker_memory,
    ),
    ResourceRule(
        name="require-broker-settings",
        description="Brokers that are cut off from the majority pause, and no consumer keeps a message for ever.",
        remedy="Set it in broker_config of infra/rabbitmq.py",
        settings={
            "lines": Setting(
                {"cluster_partition_handling": "pause_minority", "consumer_timeout": "1800000"},
                "lines of rabbitmq.conf",
            )
        },
        kinds=(CLUSTER,),
        check=require_broker_settings,
    ),
    StackRule(
        name="require-encrypted-volumes",
        description="Every volume comes from a class that encrypts it.",
        remedy="Set eco2:storageClass to an encrypted gp3 class",
        settings={"trusted": Setting([], "classes that the stack does not declare and that are encrypted")},
        check=require_encrypted_volumes,
    ),
    StackRule(
        name="require-disruption-budgets",
        description="Of several pods of a kind one may be taken away at a time, and a single pod may go.",
        remedy="Use one_at_a_time of infra/disruption.py",
        check=require_budgets,
    ),
)
