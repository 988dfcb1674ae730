"""The nodes of each stack, and the addresses that follow from a node's place in the table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from lab.errors import LabError

NODE_RANGE = IPv4Network("10.89.0.0/24")
POD_RANGE = IPv4Network("10.244.0.0/16")
SERVICE_RANGE = IPv4Network("10.96.0.0/16")
BRIDGE = "eco2-br"
BRIDGE_ADDRESS = NODE_RANGE[1]
API_SERVICE_ADDRESS = SERVICE_RANGE[1]
DNS_ADDRESS = SERVICE_RANGE[10]
API_PORT = 6443


@dataclass(frozen=True, kw_only=True)
class Node:
    """One Kubernetes node: a network, mount and process namespace of this machine."""

    name: str
    index: int
    """Place in the table, below 10: every name and address is computed from it."""
    control: bool = False
    """Whether etcd and the control plane run here."""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        """The network namespace."""
        return f"eco2-n{self.index}"

    @property
    def link(self) -> str:
        """The bridge's end of the cable to this node."""
        return f"eco2-v{self.index}"

    @property
    def address(self) -> str:
        """The node's address on the bridge."""
        return str(NODE_RANGE[10 + self.index])

    @property
    def pods(self) -> str:
        """Where this node's pods get their addresses from."""
        return str(list(POD_RANGE.subnets(new_prefix=24))[self.index])


def _data(index: int, name: str, zone: str) -> Node:
    labels = {"domain": "data", "topology.kubernetes.io/zone": zone}
    return Node(name=name, index=index, labels=labels, taints=("domain=data:NoSchedule",))


NODES: Mapping[str, tuple[Node, ...]] = {
    "dev": (
        Node(name="control", index=0, control=True),
        _data(1, "data-0", "zone-a"),
    ),
    "prod": (
        Node(name="control", index=0, control=True),
        _data(1, "data-0", "zone-a"),
        _data(2, "data-1", "zone-b"),
        _data(3, "data-2", "zone-c"),
        Node(name="worker-0", index=4),
    ),
}
"""The nodes of every stack that the lab can run. The first one holds the control plane."""


def nodes_of(stack: str) -> tuple[Node, ...]:
    """The nodes of a stack. Raises ``LabError`` for an unknown one."""
    if stack not in NODES:
        raise LabError(f"there is no stack {stack!r}, only {' and '.join(NODES)}")
    return NODES[stack]
