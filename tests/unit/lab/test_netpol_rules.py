"""NetworkPolicies as the API means them, and their form in nft's language."""

from ipaddress import IPv4Address
from typing import Any

import pytest

from lab.netpol.policies import Cluster, Direction, Object, Pod, allowances, policy_types, selects, without
from lab.netpol.rules import ruleset
from lab.nodes import Node

NODE = Node(name="control", index=0)
ALL: dict[str, Any] = {}


def pod(name: str, address: str, namespace: str = "shop", **changes: Any) -> Object:
    """A running pod on NODE; its label ``app`` is its name."""
    changes = {"phase": "Running", "created": "2026-01-01T00:00:00Z", "ports": [], "node": NODE.name} | changes
    return {
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": f"{namespace} {name} {address}",
            "labels": {"app": name},
            "annotations": changes.get("annotations"),
            "creationTimestamp": changes["created"],
        },
        "spec": {
            "nodeName": changes["node"],
            "hostNetwork": changes.get("hostNetwork", False),
            "containers": [{"name": "one", "ports": changes["ports"]}],
            "initContainers": changes.get("initContainers", []),
        },
        "status": {"phase": changes["phase"], "podIP": address},
    }


def policy(spec: Object, namespace: str = "shop") -> Object:
    return {"metadata": {"namespace": namespace, "name": "policy"}, "spec": spec}


def namespace(name: str) -> Object:
    return {"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}}


HTTP = [{"name": "http", "containerPort": 8080}, {"name": "http", "containerPort": 8081, "protocol": "UDP"}]
PODS = (
    pod("web", "10.244.0.2", ports=HTTP),
    pod("db", "10.244.0.4", ports=[{"name": "http", "containerPort": 5432}]),
    pod("web", "10.244.1.2", namespace="other", node="data-0"),
)


def cluster(*policies: Object, pods: tuple[Object, ...] = PODS) -> Cluster:
    return Cluster.of(pods, [namespace("shop"), namespace("other")], policies)


def the_pod(where: Cluster, address: str) -> Pod:
    return next(one for one in where.pods if one.address == IPv4Address(address))


def allowed(spec: Object, direction: Direction = Direction.INGRESS, address: str = "10.244.0.2") -> list[str] | None:
    """What a policy of namespace shop allows to (or from) the pod of an address, as ``peers protocol first-last``."""
    where = cluster(policy(spec))
    found = allowances(the_pod(where, address), direction, where)
    if found is None:
        return None
    return [
        " ".join(
            [
                "any" if one.peers is None else ",".join(map(str, one.peers)),
                one.protocol or "any",
                "any" if one.ports is None else f"{one.ports[0]}-{one.ports[1]}",
            ]
        )
        for one in found
    ]


def ingress(*rules: Object, pods: Object = ALL) -> Object:
    return {"podSelector": pods, "policyTypes": ["Ingress"], "ingress": list(rules)}


def egress(*rules: Object) -> Object:
    return {"podSelector": ALL, "policyTypes": ["Egress"], "egress": list(rules)}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": "front"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["db", "web"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["front"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
    ],
)
def test_label_selectors(selector: Object, expected: bool) -> None:
    assert selects(selector, {"app": "web"}) is expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, ["Ingress"]),
        ({"egress": []}, ["Ingress"]),
        ({"egress": [{}]}, ["Ingress", "Egress"]),
        ({"policyTypes": ["Egress"], "egress": []}, ["Egress"]),
    ],
)
def test_directions_have_the_apis_default(spec: Object, expected: list[str]) -> None:
    assert policy_types(spec) == expected


def test_a_pod_that_no_policy_selects_is_not_restricted() -> None:
    assert allowed(ingress(pods={"matchLabels": {"app": "db"}})) is None
    assert allowed(ingress(), address="10.244.1.2") is None, "it is in another namespace"
    assert allowed(ingress(), Direction.EGRESS) is None


def test_a_policy_without_rules_allows_nothing() -> None:
    assert allowed(ingress()) == []
    assert allowed({"podSelector": ALL}) == [], "a missing list is as an empty one"


def test_an_empty_rule_allows_everything() -> None:
    assert allowed(ingress({})) == ["any any any"]
    assert allowed(ingress({"from": [], "ports": []})) == ["any any any"]


@pytest.mark.parametrize(
    ("peer", "addresses"),
    [
        ({"podSelector": {}}, "10.244.0.2/32,10.244.0.4/32"),
        ({"podSelector": {"matchLabels": {"app": "db"}}}, "10.244.0.4/32"),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}, "10.244.1.2/32"),
        (
            {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}},
            "10.244.0.2/32,10.244.1.2/32",
        ),
        ({"ipBlock": {"cidr": "10.0.0.0/30", "except": ["10.0.0.1/32"]}}, "10.0.0.0/32,10.0.0.2/31"),
    ],
)
def test_peers(peer: Object, addresses: str) -> None:
    assert allowed(ingress({"from": [peer]})) == [f"{addresses} any any"]
    assert allowed(egress({"to": [peer]}), Direction.EGRESS) == [f"{addresses} any any"]


def test_peers_of_a_rule_are_added_up() -> None:
    peers = [{"podSelector": {"matchLabels": {"app": "db"}}}, {"ipBlock": {"cidr": "10.0.0.1/32"}}]
    assert allowed(ingress({"from": peers})) == ["10.0.0.1/32,10.244.0.4/32 any any"]


def test_a_peer_that_matches_nobody_does_not_mean_everybody() -> None:
    assert allowed(ingress({"from": [{"podSelector": {"matchLabels": {"app": "gone"}}}]})) == []
    assert allowed(ingress({"from": [{"ipBlock": {"cidr": "::/0"}}]})) == []


def test_holes_in_a_block_may_overlap() -> None:
    left = without("10.0.0.0/8", ["10.0.0.0/9", "10.64.0.0/10", "10.192.0.0/10"])
    assert list(map(str, left)) == ["10.128.0.0/10"]


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ({"port": 80}, "any TCP 80-80"),
        ({"protocol": "UDP", "port": 53}, "any UDP 53-53"),
        ({"protocol": "SCTP", "port": 9}, "any SCTP 9-9"),
        ({"port": 8000, "endPort": 8010}, "any TCP 8000-8010"),
        ({"protocol": "UDP"}, "any UDP any"),
        ({"port": "http"}, "any TCP 8080-8080"),
        ({"protocol": "UDP", "port": "http"}, "any UDP 8081-8081"),
    ],
)
def test_ports_of_an_ingress_rule_are_the_pods_own(port: Object, expected: str) -> None:
    assert allowed(ingress({"ports": [port]})) == [expected]


def test_a_port_name_that_the_pod_does_not_have_allows_nothing() -> None:
    assert allowed(ingress({"ports": [{"port": "metrics"}]})) == []


def test_a_port_name_in_an_egress_rule_is_each_servers_own() -> None:
    everyone = allowed(egress({"ports": [{"port": "http"}]}), Direction.EGRESS)
    assert everyone == ["10.244.0.2/32 TCP 8080-8080", "10.244.0.4/32 TCP 5432-5432"]
    database = {"to": [{"podSelector": {"matchLabels": {"app": "db"}}}], "ports": [{"port": "http"}]}
    assert allowed(egress(database), Direction.EGRESS) == ["10.244.0.4/32 TCP 5432-5432"]


def test_a_sidecars_port_has_a_name_too_but_not_one_of_an_init_container_that_ends() -> None:
    port = {"ports": [{"name": "metrics", "containerPort": 1}]}
    sidecar = Pod.of(pod("web", "10.244.0.2", initContainers=[{**port, "restartPolicy": "Always"}]))
    ending = Pod.of(pod("web", "10.244.0.2", initContainers=[port]))
    assert sidecar
    assert ending
    assert (sidecar.ports, ending.ports) == ({("TCP", "metrics"): 1}, {})


def test_policies_of_a_pod_are_added_up() -> None:
    where = cluster(policy(ingress()), policy(ingress({"ports": [{"port": 1}]})), policy(ingress({"ports": [{}]})))
    found = allowances(the_pod(where, "10.244.0.2"), Direction.INGRESS, where) or []
    assert [one.ports for one in found] == [(1, 1), None]


@pytest.mark.parametrize("changes", [{"phase": "Succeeded"}, {"phase": "Failed"}, {"hostNetwork": True}])
def test_pods_without_an_address_of_their_own_are_left_out(changes: dict[str, Any]) -> None:
    assert Pod.of(pod("web", "10.244.0.2", **changes)) is None
    assert Pod.of(pod("web", "")) is None


def test_an_annotation_says_the_address_until_the_status_does() -> None:
    early = {"annotations": {"eco2-lab/address": "10.244.0.9"}}
    for status, address in (("", "10.244.0.9"), ("10.244.0.2", "10.244.0.2")):
        found = Pod.of(pod("web", status, **early))
        assert found
        assert str(found.address) == address


def test_the_newest_pod_has_the_address() -> None:
    new = pod("new", "10.244.0.2", created="2026-01-02T00:00:00Z")
    for order in ((new, PODS[0]), (PODS[0], new)):
        assert [one.name for one in cluster(pods=order).pods] == ["new"]


def chain(text: str, name: str) -> list[str]:
    """The lines of one chain."""
    lines = [line.strip() for line in text.splitlines()]
    first = lines.index(f"chain {name} {{") + 1
    return lines[first : lines.index("}", first)]


def test_the_rules_are_replaced_as_a_whole() -> None:
    assert ruleset(NODE, cluster()).startswith("table inet eco2-netpol {}\ndelete table inet eco2-netpol\n")


def test_only_isolated_pods_of_the_node_have_chains() -> None:
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]}
    text = ruleset(NODE, cluster(policy(spec), policy(spec, "other")))
    assert "ip daddr vmap { 10.244.0.2 : jump ingress-10.244.0.2 }" in chain(text, "forward")
    assert not any("saddr vmap" in line for line in chain(text, "input")), "nobody's egress is restricted"
    assert "10.244.1.2 :" not in text, "that pod is another node's business"


def test_a_client_is_judged_before_the_server_and_also_on_the_way_to_its_node() -> None:
    both = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress", "Egress"]}
    text = ruleset(NODE, cluster(policy(both)))
    client = "ip saddr vmap { 10.244.0.2 : jump egress-10.244.0.2 }"
    assert chain(text, "forward")[-2:] == [client, "ip daddr vmap { 10.244.0.2 : jump ingress-10.244.0.2 }"]
    assert chain(text, "input")[-1] == client


def test_a_pods_chain_allows_itself_then_what_policies_say_then_nothing() -> None:
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "db"}}}], "ports": [{"port": 80, "endPort": 90}, {}]}
    text = ruleset(NODE, cluster(policy(ingress(rule))))
    assert chain(text, "ingress-10.244.0.2") == [
        'comment "shop/web"',
        "ip saddr 10.244.0.2 return",
        "ip saddr { 10.244.0.4 } tcp dport 80-90 return",
        "ip saddr { 10.244.0.4 } meta l4proto tcp return",
        "goto refuse-client",
    ]


def test_resets_are_kept_from_translated_connections() -> None:
    refuse = chain(ruleset(NODE, cluster()), "refuse")
    assert refuse == [
        "meta l4proto tcp ct status & dnat != dnat reject with tcp reset",
        "reject with icmpx port-unreachable",
    ], "the client of a Service would wait for a time-out"


def test_pods_that_are_not_known_yet_are_cut_off_and_nodes_are_not() -> None:
    forward = chain(ruleset(NODE, cluster()), "forward")
    assert "elements = { 10.244.0.1, 10.244.0.2, 10.244.0.4, 10.244.1.2 }" in ruleset(NODE, cluster())
    unknown = forward.index("ip saddr 10.244.0.0/24 ip saddr != @pods drop")
    assert forward.index("ip saddr 10.89.0.0/24 accept") < unknown
    assert "ip saddr 10.244.0.0/24 ip saddr != @pods drop" in chain(ruleset(NODE, cluster()), "input")
