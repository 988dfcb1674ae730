"""NetworkPolicies: every namespace is closed both ways, and what infra/flows.py allows is open."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from infra import exceptions, namespaces
from infra.flows import DNS, DNS_PORT, NAMESPACE_NAME, Addresses, Flow, Namespace, Peer, Pods
from infra.labels import labels

CLOSED = "default-deny"
DNS_POLICY = "dns"
COMPONENT = "network-policy"


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    flows: Sequence[Flow]


class Network(pulumi.ComponentResource):
    """Needs the namespaces. What runs in them depends on this, so that no pod is open for a moment."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:network:Network", name, None, opts)
        for namespace in namespaces.ALL:
            self._policy(namespace, CLOSED, closed())
            self._policy(namespace, DNS_POLICY, may_ask_dns())
        for pods in sorted(policed(args.flows), key=lambda one: (one.namespace, one.name)):
            self._policy(pods.namespace, pods.name, policy_spec(pods, args.flows))
        self.register_outputs({})

    def _policy(self, namespace: str, name: str, spec: NetworkPolicySpecArgs) -> None:
        NetworkPolicy(
            f"{namespace}-{name}",
            metadata=ObjectMetaArgs(
                name=name,
                namespace=namespace,
                labels=labels(namespace, COMPONENT),
                annotations=exceptions.annotations("NetworkPolicy", name, namespace) or None,
            ),
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self),
        )


def closed() -> NetworkPolicySpecArgs:
    """All pods of a namespace, both ways, and nothing that is let through."""
    return NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"])


def may_ask_dns() -> NetworkPolicySpecArgs:
    rule = NetworkPolicyEgressRuleArgs(
        to=[_pods_peer(DNS)],
        ports=[NetworkPolicyPortArgs(protocol=protocol, port=DNS_PORT) for protocol in ("UDP", "TCP")],
    )
    return NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Egress"], egress=[rule])


def policed(flows: Iterable[Flow]) -> set[Pods]:
    """The pods of this stack's namespaces that a row names."""
    ends = {end for flow in flows for end in (flow.client, flow.server)}
    return {end for end in ends if isinstance(end, Pods) and end.namespace in namespaces.ALL}


def policy_spec(pods: Pods, flows: Sequence[Flow]) -> NetworkPolicySpecArgs:
    """Both sides of every row that names these pods. A kind without rows on one side stays closed by the namespace."""
    ingress = [
        NetworkPolicyIngressRuleArgs(from_=peers(flow.client), ports=ports(flow))
        for flow in flows
        if flow.server == pods
    ]
    egress = [
        NetworkPolicyEgressRuleArgs(to=peers(flow.server), ports=ports(flow)) for flow in flows if flow.client == pods
    ]
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=dict(pods.labels)),
        policy_types=[*(["Ingress"] if ingress else []), *(["Egress"] if egress else [])],
        # The API server stores no empty list, and one would look changed for ever.
        ingress=ingress or None,
        egress=egress or None,
    )


def ports(flow: Flow) -> list[NetworkPolicyPortArgs]:
    return [NetworkPolicyPortArgs(protocol="TCP", port=port) for port in flow.ports]


def peers(peer: Peer) -> list[NetworkPolicyPeerArgs]:
    match peer:
        case Pods():
            return [_pods_peer(peer)]
        case Namespace(name):
            return [NetworkPolicyPeerArgs(namespace_selector=_namespace(name))]
        case Addresses(cidrs):
            return [NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=cidr)) for cidr in cidrs]


def _pods_peer(pods: Pods) -> NetworkPolicyPeerArgs:
    return NetworkPolicyPeerArgs(
        namespace_selector=_namespace(pods.namespace),
        pod_selector=LabelSelectorArgs(match_labels=dict(pods.labels)),
    )


def _namespace(name: str) -> LabelSelectorArgs:
    return LabelSelectorArgs(match_labels={NAMESPACE_NAME: name})
