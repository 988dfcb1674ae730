"""A node's rules in nft's language: one table, replaced in one transaction.

A connection between pods is looked at where it is forwarded, after a Service's address has been turned to a pod's:
first what the client's policies say of it, on the client's node, then the server's, on the server's node. What a pod
sends to its own node, such as to the API server, comes to the node's input instead. What the node itself sends to its
pods, such as a kubelet's probes, passes neither.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network

from lab.netpol.policies import Allowance, Cluster, Direction, Networks, Pod, allowances
from lab.nodes import NODE_RANGE, POD_RANGE, Node

TABLE = "eco2-netpol"

_PRIORITY = "filter + 10"
"""After kube-proxy's own filters. Its address translation is long done then."""
_COMMENT_BYTES = 128
_OTHER_SIDE = {Direction.INGRESS: "saddr", Direction.EGRESS: "daddr"}


def ruleset(node: Node, cluster: Cluster) -> str:
    """The rules of one node, in place of those that it has."""
    local = [pod for pod in cluster.pods if pod.node == node.name]
    egress = _isolated(local, Direction.EGRESS, cluster)
    ingress = _isolated(local, Direction.INGRESS, cluster)
    gateway = IPv4Network(node.pods)[1]
    lines = [
        *_set("pods", "ipv4_addr", [gateway, *(pod.address for pod in cluster.pods)]),
        *_REFUSE,
        *_REFUSE_CLIENT,
        *_chains(Direction.EGRESS, egress),
        *_chains(Direction.INGRESS, ingress),
        *_hooks(node, egress, ingress),
    ]
    body = "\n".join(f"  {line}" for line in lines)
    return f"table inet {TABLE} {{}}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n{body}\n}}\n"


# Clients see "connection refused" at once, not a time-out. A reset to what came over a bridge is sent past the address
# translation, so the client of a Service would not take it for its own; an ICMP message is translated.
_REFUSE = (
    "chain refuse {",
    "  meta l4proto tcp ct status & dnat != dnat reject with tcp reset",
    "  reject with icmpx port-unreachable",
    "}",
)
_REFUSE_CLIENT = (
    "chain refuse-client {",
    # A client that has just started: it tries again by itself, and is known by then.
    f"  ip saddr {POD_RANGE} ip saddr != @pods drop",
    "  goto refuse",
    "}",
)

Isolated = Sequence[tuple[Pod, list[Allowance]]]


def _isolated(pods: Iterable[Pod], direction: Direction, cluster: Cluster) -> Isolated:
    found = [(pod, allowances(pod, direction, cluster)) for pod in pods]
    return [(pod, allowed) for pod, allowed in found if allowed is not None]


def _hooks(node: Node, egress: Isolated, ingress: Isolated) -> list[str]:
    # Answers, and errors about them, belong to connections that were allowed.
    known = "ct state vmap { established : accept, related : accept, invalid : drop }"
    # Until a pod's labels are known, so are not its policies.
    unknown = f"ip saddr {node.pods} ip saddr != @pods drop"
    return [
        "chain forward {",
        f"  type filter hook forward priority {_PRIORITY}; policy accept;",
        # The lab has no IPv6, but pods of one node have link-local addresses.
        "  meta nfproto ipv6 drop",
        f"  {known}",
        # Probes, and the host: it reaches Services through nodes which put their own address in place of its.
        f"  ip saddr {NODE_RANGE} accept",
        f"  {unknown}",
        f"  ip daddr {node.pods} ip daddr != @pods reject with icmp host-unreachable",
        *_dispatch("saddr", Direction.EGRESS, egress),
        *_dispatch("daddr", Direction.INGRESS, ingress),
        "}",
        "chain input {",
        f"  type filter hook input priority {_PRIORITY}; policy accept;",
        f"  {known}",
        f"  {unknown}",
        *_dispatch("saddr", Direction.EGRESS, egress),
        "}",
    ]


def _dispatch(own_side: str, direction: Direction, isolated: Isolated) -> list[str]:
    if not isolated:
        return []
    chains = ", ".join(f"{pod.address} : jump {_chain(pod, direction)}" for pod, _ in isolated)
    return [f"  ip {own_side} vmap {{ {chains} }}"]


def _chains(direction: Direction, isolated: Isolated) -> list[str]:
    return [line for pod, allowed in isolated for line in _pod_chain(pod, direction, allowed)]


def _pod_chain(pod: Pod, direction: Direction, allowed: Iterable[Allowance]) -> list[str]:
    other_side = _OTHER_SIDE[direction]
    last = "goto refuse" if direction is Direction.EGRESS else "goto refuse-client"
    comment = str(pod).encode()[:_COMMENT_BYTES].decode()
    return [
        f"chain {_chain(pod, direction)} {{",
        f'  comment "{comment}"',
        # Through its own Service: no policy comes between a pod and itself.
        f"  ip {other_side} {pod.address} return",
        *(f"  {_match(one, other_side)}return" for one in allowed),
        f"  {last}",
        "}",
    ]


def _chain(pod: Pod, direction: Direction) -> str:
    return f"{direction.rules}-{pod.address}"


def _match(allowed: Allowance, other_side: str) -> str:
    """The words before a verdict; "" for everything."""
    return _peers(allowed.peers, other_side) + _port(allowed.protocol, allowed.ports)


def _peers(peers: Networks | None, other_side: str) -> str:
    return "" if peers is None else f"ip {other_side} {{ {', '.join(map(_short, peers))} }} "


def _port(protocol: str | None, ports: tuple[int, int] | None) -> str:
    if protocol is None:
        return ""
    if ports is None:
        return f"meta l4proto {protocol.lower()} "
    first, last = ports
    return f"{protocol.lower()} dport {first if first == last else f'{first}-{last}'} "


def _short(network: IPv4Network) -> str:
    return str(network.network_address) if network.prefixlen == 32 else str(network)


def _set(name: str, kind: str, elements: Iterable[object]) -> list[str]:
    return [f"set {name} {{", f"  type {kind}", f"  elements = {{ {', '.join(map(str, elements))} }}", "}"]
