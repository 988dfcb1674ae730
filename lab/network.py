"""The lab's network on this machine: one bridge, one network namespace a node, and nothing that leads outside.

No packet of the lab may leave the machine, not even one to an address that has just gone. Three things see to it: a
node has no default route; the host answers "unreachable" for each range while no node serves it; and a host rule drops
what comes from the bridge and would leave by another interface.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path

from lab.commands import run, succeeds
from lab.nodes import BRIDGE, BRIDGE_ADDRESS, NODE_RANGE, POD_RANGE, SERVICE_RANGE, Node

RANGES = (NODE_RANGE, POD_RANGE, SERVICE_RANGE)
TABLE = "eco2-lab"
NAMED_NAMESPACES = Path("/run/netns")

_LAST_RESORT = 4000
"""Metric of the unreachable routes: any route to a living node wins."""


def firewall() -> str:
    """The host's rules, in nft's language; loading them twice changes nothing."""
    return f"""\
table inet {TABLE} {{}}
delete table inet {TABLE}
table inet {TABLE} {{
  chain forward {{
    type filter hook forward priority -1; policy accept;
    iifname "{BRIDGE}" oifname != "{BRIDGE}" drop
    iifname != "{BRIDGE}" oifname "{BRIDGE}" drop
  }}
}}
"""


def unreachable_routes(verb: str) -> list[str]:
    """``ip`` commands which add or delete the host's dead ends."""
    return [f"route {verb} unreachable {network} metric {_LAST_RESORT}" for network in RANGES]


def host_commands(nodes: Sequence[Node]) -> list[str]:
    """``ip`` commands for the bridge, the cables to the nodes' namespaces, and the ways to pods and Services."""
    commands = [
        f"link add {BRIDGE} type bridge",
        f"address add {BRIDGE_ADDRESS}/{NODE_RANGE.prefixlen} dev {BRIDGE}",
        f"link set {BRIDGE} up",
    ]
    for node in nodes:
        commands += [
            f"link add {node.link} type veth peer name eth0 netns {node.namespace}",
            f"link set {node.link} master {BRIDGE} up",
            f"route add {node.pods} via {node.address} dev {BRIDGE}",
        ]
    return [*commands, f"route add {SERVICE_RANGE} via {nodes[0].address} dev {BRIDGE}"]


def node_commands(node: Node, nodes: Sequence[Node]) -> list[str]:
    """``ip`` commands inside a node's namespace."""
    return [
        "link set lo up",
        f"address add {node.address}/{NODE_RANGE.prefixlen} dev eth0",
        "link set eth0 up",
        "route add unreachable default",
        # Only so that a route is found: kube-proxy then turns the packet to a pod. What it does not know ends here.
        f"route add {SERVICE_RANGE} dev lo src {node.address}",
        *(f"route add {other.pods} via {other.address}" for other in nodes if other is not node),
    ]


def set_up(nodes: Sequence[Node]) -> None:
    """Make the network. The dead ends and the rule come first."""
    _ip([], unreachable_routes("add"))
    run(["nft", "-f", "-"], stdin=firewall())
    for node in nodes:
        run(["ip", "netns", "add", node.namespace])
    _ip([], host_commands(nodes))
    for node in nodes:
        _ip(["-n", node.namespace], node_commands(node, nodes))


def links(nodes: Sequence[Node]) -> list[str]:
    """The interfaces that ``set_up`` makes on the machine."""
    return [BRIDGE, *(node.link for node in nodes)]


def tear_down(links: Sequence[str], namespaces: Sequence[str]) -> None:
    """Remove whatever is there of it, the dead ends and the rule last. No process may be left in the namespaces."""
    for name in links:
        # Cables first: a deleted namespace takes its end of them away, but only some time later.
        if succeeds(["ip", "link", "show", name]):
            run(["ip", "link", "delete", name])
    for name in namespaces:
        if (NAMED_NAMESPACES / name).exists():
            run(["ip", "netns", "delete", name])
    for command in unreachable_routes("delete"):
        succeeds(["ip", *command.split()])
    if succeeds(["nft", "list", "table", "inet", TABLE]):
        run(["nft", "delete", "table", "inet", TABLE])


def processes_in(namespaces: Sequence[str]) -> set[int]:
    """Every process in these network namespaces."""
    found: set[int] = set()
    for name in namespaces:
        if (NAMED_NAMESPACES / name).exists():
            found.update(int(pid) for pid in run(["ip", "netns", "pids", name]).split())
    return found


def overlapping(networks: Sequence[str]) -> list[str]:
    """Those of ``networks`` (``10.0.0.0/8``, or an address) that share addresses with the lab's ranges."""
    return [text for text in networks if any(IPv4Network(text, strict=False).overlaps(own) for own in RANGES)]


def _ip(arguments: Sequence[str], commands: Sequence[str]) -> None:
    run(["ip", *arguments, "-batch", "-"], stdin="\n".join(commands) + "\n")
