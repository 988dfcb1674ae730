from dataclasses import replace

import pytest

from lab.preflight import GIBIBYTE, Facts, distribution, networks_of, problems

GOOD = Facts(
    system="Linux",
    distribution="debian",
    user=0,
    go=(1, 26),
    networks=("192.0.2.2/24", "172.17.0.0/16"),
    free_bytes=100 * GIBIBYTE,
)


def found(facts: Facts) -> list[str]:
    return problems(facts, go_needed=(1, 26), bytes_needed=30 * GIBIBYTE)


def test_a_good_machine_has_no_problems() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (replace(GOOD, system="Darwin"), "needs Linux, this is Darwin"),
        (replace(GOOD, distribution="fedora"), "needs Debian"),
        (replace(GOOD, user=1000), "needs root"),
        (replace(GOOD, go=None), "Go is missing: install Go 1.26"),
        (replace(GOOD, go=(1, 9)), "Go 1.9 is too old: install Go 1.26"),
        (replace(GOOD, networks=("10.0.0.0/8",)), "address range taken: 10.0.0.0/8"),
        (replace(GOOD, free_bytes=GIBIBYTE), "disk too small: 1.0 GiB free, 30 GiB needed"),
    ],
    ids=["system", "distribution", "user", "no go", "old go", "range", "disk"],
)
def test_each_problem_is_one_clear_line(facts: Facts, line: str) -> None:
    (only,) = found(facts)
    assert line in only
    assert "\n" not in only


def test_all_problems_are_told_at_once() -> None:
    assert len(found(replace(GOOD, user=1, go=None, free_bytes=0))) == 3


def test_a_newer_go_is_good() -> None:
    assert found(replace(GOOD, go=(2, 0))) == []


def test_addresses_and_routes_of_others_are_seen() -> None:
    addresses = [{"ifname": "eth0", "addr_info": [{"local": "192.0.2.2", "prefixlen": 24}]}]
    routes = [{"dst": "default", "dev": "eth0"}, {"dst": "10.0.0.0/8", "dev": "tun0"}]
    assert networks_of(addresses, routes, None) == ["10.0.0.0/8", "192.0.2.2/24"]


def test_the_labs_own_network_is_not_in_its_way() -> None:
    addresses = [{"ifname": "eco2-br", "addr_info": [{"local": "10.89.0.1", "prefixlen": 24}]}]
    routes = [{"dst": "10.244.0.0/24", "dev": "eco2-br"}, {"dst": "10.96.0.0/16", "type": "unreachable", "dev": "lo"}]
    assert networks_of(addresses, routes, "eco2-br") == []
    assert networks_of(addresses, routes, None), "a bridge that nobody recorded would be taken for the lab's own"


@pytest.mark.parametrize("text", ["NAME=x\nID=debian\n", 'ID="debian"\nVERSION_ID=12'])
def test_the_distribution_is_read_with_and_without_quotes(text: str) -> None:
    assert distribution(text) == "debian"
