from ipaddress import IPv4Address, IPv4Network

import pytest

from lab.errors import LabError
from lab.nodes import NODE_RANGE, NODES, POD_RANGE, SERVICE_RANGE, nodes_of


@pytest.mark.parametrize("stack", NODES)
def test_names_and_addresses_are_unique(stack: str) -> None:
    nodes = nodes_of(stack)
    for values in (
        [n.name for n in nodes],
        [n.address for n in nodes],
        [n.pods for n in nodes],
        [n.link for n in nodes],
    ):
        assert len(set(values)) == len(nodes)


@pytest.mark.parametrize("stack", NODES)
def test_the_first_node_alone_holds_the_control_plane(stack: str) -> None:
    assert [node.control for node in nodes_of(stack)] == [True] + [False] * (len(nodes_of(stack)) - 1)


def test_addresses_are_the_published_ones() -> None:
    assert [(n.address, n.pods, n.namespace) for n in nodes_of("dev")] == [
        ("10.89.0.10", "10.244.0.0/24", "eco2-n0"),
        ("10.89.0.11", "10.244.1.0/24", "eco2-n1"),
    ]


def test_every_address_lies_in_its_range() -> None:
    for node in nodes_of("prod"):
        assert IPv4Address(node.address) in NODE_RANGE
        assert IPv4Network(node.pods).subnet_of(POD_RANGE)
    assert not POD_RANGE.overlaps(SERVICE_RANGE)


def test_data_nodes_keep_everything_else_away() -> None:
    for node in nodes_of("prod"):
        assert (node.labels.get("domain") == "data") == ("domain=data:NoSchedule" in node.taints)


def test_prod_has_a_data_node_in_each_of_three_zones() -> None:
    zones = [node.labels["topology.kubernetes.io/zone"] for node in nodes_of("prod") if node.taints]
    assert sorted(zones) == ["zone-a", "zone-b", "zone-c"]


def test_an_unknown_stack_is_told_with_the_known_ones() -> None:
    with pytest.raises(LabError, match="no stack 'staging', only dev and prod"):
        nodes_of("staging")
