"""Rules on the RabbitmqCluster, on volumes and on budgets."""

from typing import Any

import pytest

from policies.resources import Resource
from policies.rules.cluster import EBS, HOSTNAME, REQUIRED
from tests.unit.policies.conftest import Case, changed, kubernetes, made, messages

OWN = {"matchLabels": {"app.kubernetes.io/name": "broker"}}
CLUSTER = kubernetes(
    "RabbitmqCluster",
    "broker",
    {
        "replicas": 3,
        "image": "rabbitmq:4.1.1",
        "resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}},
        "persistence": {"storageClassName": "gp3"},
        "rabbitmq": {
            "additionalConfig": "cluster_partition_handling = pause_minority\nconsumer_timeout = 1800000\n",
        },
        "tolerations": [{"key": "domain", "operator": "Equal", "value": "data", "effect": "NoSchedule"}],
        "affinity": {
            "podAntiAffinity": {REQUIRED: [{"topologyKey": HOSTNAME, "labelSelector": OWN}]},
            "nodeAffinity": {
                REQUIRED: {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "domain", "operator": "In", "values": ["data"]}]}
                    ]
                }
            },
        },
    },
)
APART = f"spec.affinity.podAntiAffinity.{REQUIRED}"
TERMS = f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms"


def storage_class(**parameters: str) -> Resource:
    content = {"metadata": {"name": "gp3"}, "provisioner": EBS, "parameters": parameters}
    return made("kubernetes:storage.k8s.io/v1:StorageClass", "gp3", content)


def claimant(kind: str, name: Any = None) -> Resource:
    claim = {"spec": {"storageClassName": name}}
    return kubernetes(
        kind,
        "store",
        {"volumeClaimTemplates": [claim]} if kind == "StatefulSet" else {"storage": {"volumeClaimTemplate": claim}},
    )


def budget(**spec: Any) -> Resource:
    return kubernetes("PodDisruptionBudget", "broker", {"selector": OWN, "maxUnavailable": 1, **spec})


ENCRYPTED = storage_class(type="gp3", encrypted="true")
SINGLE = changed(CLUSTER, "spec.replicas", 1)

CASES = [
    *(
        Case(
            "require-broker-majority",
            (CLUSTER,),
            (changed(CLUSTER, "spec.replicas", number),),
            f"spec.replicas is {number}",
        )
        for number in (1, 2, 4)
    ),
    Case("spread-brokers", (CLUSTER, SINGLE), (changed(CLUSTER, APART, []),), APART),
    Case("spread-brokers", (CLUSTER,), (changed(CLUSTER, f"{APART}.0.topologyKey", "zone"),), APART),
    Case(
        "spread-brokers",
        (CLUSTER,),
        (changed(CLUSTER, f"{APART}.0.labelSelector", {"matchLabels": {"a": "b"}}),),
        APART,
    ),
    Case("require-data-nodes", (CLUSTER,), (changed(CLUSTER, "spec.tolerations", []),), "spec.tolerations is not set"),
    Case("require-data-nodes", (CLUSTER,), (changed(CLUSTER, TERMS, []),), TERMS),
    Case(
        "require-broker-memory",
        (CLUSTER,),
        (changed(CLUSTER, "spec.resources.requests.memory", "1Gi"),),
        "spec.resources.requests.memory is 1Gi, wanted 2Gi",
    ),
    Case(
        "require-broker-memory",
        (CLUSTER,),
        (changed(CLUSTER, "spec.resources.limits.memory", ...),),
        "spec.resources.limits.memory is not set",
    ),
    Case(
        "require-broker-settings",
        (CLUSTER,),
        (changed(CLUSTER, "spec.rabbitmq.additionalConfig", "cluster_partition_handling = ignore\n"),),
        "cluster_partition_handling = ignore, wanted cluster_partition_handling = pause_minority",
    ),
    Case("require-encrypted-volumes", (CLUSTER, ENCRYPTED), (CLUSTER,), "spec.persistence.storageClassName is gp3"),
    Case(
        "require-encrypted-volumes",
        (ENCRYPTED,),
        (storage_class(type="gp3"),),
        "StorageClass gp3: parameters.encrypted is not set",
    ),
    Case("require-encrypted-volumes", (ENCRYPTED,), (storage_class(type="gp2", encrypted="true"),), "type is gp2"),
    *(
        Case(
            "require-encrypted-volumes",
            (claimant(kind, "gp3"), ENCRYPTED),
            (claimant(kind), ENCRYPTED),
            "storageClassName is not set",
        )
        for kind in ("StatefulSet", "Prometheus")
    ),
    Case("require-disruption-budgets", (CLUSTER, budget()), (CLUSTER,), "spec.replicas is 3 without"),
    Case("require-disruption-budgets", (CLUSTER, budget()), (CLUSTER, budget(maxUnavailable=2)), "is 2, wanted 1"),
    Case("require-disruption-budgets", (SINGLE,), (SINGLE, budget()), "of a single pod"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_stops_what_it_is_for_and_lets_everything_else_pass(case: Case) -> None:
    case.check()


def test_a_stack_without_domains_may_run_brokers_anywhere() -> None:
    assert not messages("require-data-nodes", changed(CLUSTER, "spec.tolerations", []), domain="")


def test_a_class_of_the_clusters_own_may_be_trusted() -> None:
    assert not messages("require-encrypted-volumes", CLUSTER, trusted=["gp3"])
