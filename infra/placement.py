"""Which nodes a pod may run on, and how pods of a kind are spread over them.

Brokers run on nodes that carry the label and the taint ``domain=<their domain>``; everything else runs on the others.
A cluster whose domain is empty has no such nodes.
"""

from collections.abc import Mapping

from pulumi_kubernetes.core.v1 import (
    AffinityArgs,
    NodeAffinityArgs,
    NodeSelectorArgs,
    NodeSelectorRequirementArgs,
    NodeSelectorTermArgs,
    PodAffinityTermArgs,
    PodAntiAffinityArgs,
    TolerationArgs,
    TopologySpreadConstraintArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

DOMAIN = "domain"
HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


def on_nodes(domain: str) -> NodeAffinityArgs | None:
    return _required("In", domain) if domain else None


def off_nodes(domain: str) -> AffinityArgs | None:
    """Asked for beside the taint, because a node may be labelled before it is tainted."""
    return AffinityArgs(node_affinity=_required("NotIn", domain)) if domain else None


def tolerations(domain: str) -> list[TolerationArgs]:
    if not domain:
        return []
    return [TolerationArgs(key=DOMAIN, operator="Equal", value=domain, effect="NoSchedule")]


def one_per_node(labels: Mapping[str, str]) -> PodAntiAffinityArgs:
    term = PodAffinityTermArgs(label_selector=LabelSelectorArgs(match_labels=labels), topology_key=HOSTNAME)
    return PodAntiAffinityArgs(required_during_scheduling_ignored_during_execution=[term])


def spread(labels: Mapping[str, str]) -> list[TopologySpreadConstraintArgs]:
    """Over the nodes that can take them, without exception; over zones as far as there are any.

    Only nodes that take such pods count: a cluster of one node takes them all, and so does what is left when one dies.
    Each version of a Deployment is spread by itself, so that an update's pods do not end where the old ones left room.
    """
    return [
        TopologySpreadConstraintArgs(
            max_skew=1,
            topology_key=key,
            when_unsatisfiable=otherwise,
            label_selector=LabelSelectorArgs(match_labels=labels),
            node_taints_policy="Honor",
            match_label_keys=["pod-template-hash"],
        )
        for key, otherwise in ((HOSTNAME, "DoNotSchedule"), (ZONE, "ScheduleAnyway"))
    ]


def _required(operator: str, domain: str) -> NodeAffinityArgs:
    expression = NodeSelectorRequirementArgs(key=DOMAIN, operator=operator, values=[domain])
    terms = [NodeSelectorTermArgs(match_expressions=[expression])]
    return NodeAffinityArgs(
        required_during_scheduling_ignored_during_execution=NodeSelectorArgs(node_selector_terms=terms)
    )
