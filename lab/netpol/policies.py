"""What NetworkPolicies (networking.k8s.io/v1) mean for one pod: pure functions over the API's objects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, collapse_addresses, ip_network
from typing import Any

Object = Mapping[str, Any]
"""An object of the API as JSON has it."""
Labels = Mapping[str, str]
Networks = tuple[IPv4Network, ...]

ADDRESS = "eco2-lab/address"
"""The annotation that says a pod's address before its status does, which is up to a second later."""

_FINISHED = ("Succeeded", "Failed")


class Direction(Enum):
    """Which way a policy restricts a pod, in the API's words: policy type, key of the rules, key of their peers."""

    INGRESS = ("Ingress", "ingress", "from")
    EGRESS = ("Egress", "egress", "to")

    @property
    def policy_type(self) -> str:
        """The value in ``policyTypes``."""
        return self.value[0]

    @property
    def rules(self) -> str:
        """The key of the rules in a policy's spec."""
        return self.value[1]

    @property
    def peers(self) -> str:
        """The key of the other side in a rule."""
        return self.value[2]


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod that has an address of its own."""

    namespace: str
    name: str
    uid: str
    node: str
    address: IPv4Address
    labels: Labels
    ports: Mapping[tuple[str, str], int]
    """Number of each named port, by protocol and name."""
    created: str
    """Time as the API writes it: it sorts like text."""

    @classmethod
    def of(cls, pod: Object) -> "Pod | None":
        """None for one without an address, with its node's own, or with one that it no longer uses."""
        metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
        address = status.get("podIP") or (metadata.get("annotations") or {}).get(ADDRESS)
        if not address or spec.get("hostNetwork") or status.get("phase") in _FINISHED:
            return None
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            node=spec.get("nodeName", ""),
            address=IPv4Address(address),
            labels=metadata.get("labels") or {},
            ports=dict(_named_ports(spec)),
            created=metadata.get("creationTimestamp") or "",
        )

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """All that policies speak of."""

    pods: tuple[Pod, ...]
    """One for each address, sorted by it."""
    namespaces: Mapping[str, Labels]
    policies: tuple[Object, ...]

    @classmethod
    def of(cls, pods: Iterable[Object], namespaces: Iterable[Object], policies: Iterable[Object]) -> "Cluster":
        """The cluster of these objects. Of two pods with one address the newest has it."""
        known = sorted(filter(None, map(Pod.of, pods)), key=lambda pod: pod.created)
        by_address = {pod.address: pod for pod in known}
        return cls(
            pods=tuple(by_address[address] for address in sorted(by_address)),
            namespaces={one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in namespaces},
            policies=tuple(policies),
        )

    @cached_property
    def _policies_by_namespace(self) -> Mapping[str, Sequence[Object]]:
        found: dict[str, list[Object]] = {}
        for policy in self.policies:
            found.setdefault(policy["metadata"]["namespace"], []).append(policy)
        return found

    def isolating(self, pod: Pod, direction: Direction) -> list[Object]:
        """The policies that select the pod in this direction; without one it is not restricted."""
        return [
            policy
            for policy in self._policies_by_namespace.get(pod.namespace, ())
            if direction.policy_type in policy_types(policy["spec"])
            and selects(policy["spec"].get("podSelector") or {}, pod.labels)
        ]


@dataclass(frozen=True)
class Allowance:
    """Connections that a policy allows to or from a pod."""

    peers: Networks | None
    """The other side's addresses; None for everyone's."""
    protocol: str | None = None
    """``TCP``, ``UDP`` or ``SCTP``; None for everything, ICMP included."""
    ports: tuple[int, int] | None = None
    """First and last port of the server; None for all."""


def allowances(pod: Pod, direction: Direction, cluster: Cluster) -> list[Allowance] | None:
    """The union of what the pod's policies allow; None when none selects it, and so everything is allowed."""
    policies = cluster.isolating(pod, direction)
    if not policies:
        return None
    found: list[Allowance] = []
    for policy in policies:
        for rule in policy["spec"].get(direction.rules) or ():
            peers = _peers(rule.get(direction.peers), policy["metadata"]["namespace"], cluster)
            for port in rule.get("ports") or [None]:
                found += _on_port(port, peers, pod, direction, cluster)
    return list(dict.fromkeys(found))


def policy_types(spec: Object) -> Sequence[str]:
    """The directions that a policy is about, by the API's own default when it does not say."""
    default = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    return spec.get("policyTypes") or default


def selects(selector: Object, labels: Labels) -> bool:
    """Whether a label selector matches. The empty one matches everything."""
    wanted: Labels = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _holds(expression: Object, labels: Labels) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ValueError(f"no such operator of label selectors: {other}")


def _peers(peers: Sequence[Object] | None, namespace: str, cluster: Cluster) -> Networks | None:
    if not peers:
        return None
    found: list[IPv4Network] = []
    for peer in peers:
        if "ipBlock" in peer:
            found += without(peer["ipBlock"]["cidr"], peer["ipBlock"].get("except") or ())
        else:
            found += [IPv4Network(pod.address) for pod in cluster.pods if _is_peer(pod, peer, namespace, cluster)]
    return _collapsed(found)


def _is_peer(pod: Pod, peer: Object, namespace: str, cluster: Cluster) -> bool:
    if "namespaceSelector" in peer:
        # A pod may be seen before its namespace.
        near = pod.namespace in cluster.namespaces and selects(
            peer["namespaceSelector"], cluster.namespaces[pod.namespace]
        )
    else:
        near = pod.namespace == namespace
    return near and selects(peer.get("podSelector") or {}, pod.labels)


def without(cidr: str, holes: Sequence[str]) -> list[IPv4Network]:
    """A block without parts of it. Nothing for IPv6, which pods here do not have."""
    block = ip_network(cidr, strict=False)
    if not isinstance(block, IPv4Network):
        return []
    left = [block]
    for text in holes:
        hole = IPv4Network(text, strict=False)
        left = [part for network in left for part in _minus(network, hole)]
    return left


def _minus(network: IPv4Network, hole: IPv4Network) -> Iterable[IPv4Network]:
    if not network.overlaps(hole):
        return [network]
    return [] if network.subnet_of(hole) else network.address_exclude(hole)


def _on_port(
    port: Object | None, peers: Networks | None, pod: Pod, direction: Direction, cluster: Cluster
) -> list[Allowance]:
    """What one port of a rule allows; ``port`` is None for a rule without ports."""
    if peers == ():
        return []
    if port is None:
        return [Allowance(peers)]
    protocol, number = port.get("protocol") or "TCP", port.get("port")
    if number is None:
        return [Allowance(peers, protocol)]
    if isinstance(number, int):
        return [Allowance(peers, protocol, (number, port.get("endPort") or number))]
    if direction is Direction.INGRESS:
        named = pod.ports.get((protocol, number))
        return [] if named is None else [Allowance(peers, protocol, (named, named))]
    servers = [one for one in cluster.pods if peers is None or any(one.address in network for network in peers)]
    return _on_named_port(protocol, number, servers)


def _on_named_port(protocol: str, name: str, servers: Iterable[Pod]) -> list[Allowance]:
    """Each server's own port of that name."""
    by_number: dict[int, list[IPv4Network]] = {}
    for server in servers:
        if (number := server.ports.get((protocol, name))) is not None:
            by_number.setdefault(number, []).append(IPv4Network(server.address))
    return [Allowance(_collapsed(found), protocol, (number, number)) for number, found in by_number.items()]


def _named_ports(spec: Object) -> Iterable[tuple[tuple[str, str], int]]:
    # A sidecar is an init container that is always restarted.
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    for container in (*sidecars, *spec["containers"]):
        for port in container.get("ports") or ():
            if "name" in port:
                yield (port.get("protocol") or "TCP", port["name"]), port["containerPort"]


def _collapsed(networks: Iterable[IPv4Network]) -> Networks:
    return tuple(collapse_addresses(networks))
