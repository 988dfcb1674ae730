import pytest

from lab.network import firewall, host_commands, links, node_commands, overlapping, unreachable_routes
from lab.nodes import nodes_of

DEV = nodes_of("dev")


def test_a_node_has_no_way_out_of_the_machine() -> None:
    commands = node_commands(DEV[0], DEV)
    assert "route add unreachable default" in commands, "packets to the outside would leave the machine"
    assert not any("default via" in command for command in commands)


def test_a_node_reaches_the_pods_of_every_other_node() -> None:
    routes = [command for command in node_commands(DEV[0], DEV) if "10.244." in command]
    assert routes == ["route add 10.244.1.0/24 via 10.89.0.11"]


def test_unknown_service_addresses_end_in_the_node() -> None:
    assert "route add 10.96.0.0/16 dev lo src 10.89.0.10" in node_commands(DEV[0], DEV)


def test_the_host_reaches_pods_and_services() -> None:
    commands = host_commands(DEV)
    assert "route add 10.244.1.0/24 via 10.89.0.11 dev eco2-br" in commands
    assert "route add 10.96.0.0/16 via 10.89.0.10 dev eco2-br" in commands


def test_dead_addresses_are_unreachable_and_any_living_route_wins() -> None:
    assert unreachable_routes("add") == [
        "route add unreachable 10.89.0.0/24 metric 4000",
        "route add unreachable 10.244.0.0/16 metric 4000",
        "route add unreachable 10.96.0.0/16 metric 4000",
    ]


def test_the_firewall_drops_what_would_leave_the_bridge() -> None:
    assert 'iifname "eco2-br" oifname != "eco2-br" drop' in firewall()


def test_loading_the_firewall_again_replaces_it() -> None:
    assert firewall().index("delete table inet eco2-lab") < firewall().index("chain forward")


def test_every_made_link_is_recorded() -> None:
    made = [command.split()[2] for command in host_commands(DEV) if command.startswith("link add")]
    assert links(DEV) == made, "a link that is not recorded is never removed"


@pytest.mark.parametrize("network", ["10.89.0.5", "10.96.0.0/12", "10.244.3.1/32", "10.0.0.0/8"])
def test_shared_addresses_are_found(network: str) -> None:
    assert overlapping([network, "192.0.2.0/24"]) == [network]
