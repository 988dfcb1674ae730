"""NetworkPolicies: closed both ways, open on both sides for each row of the table, and for pods that exist."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra import namespaces
from infra.checks import SettingsError
from infra.flows import (
    CHARACTER,
    DNS,
    POSTGRES,
    PROMETHEUS,
    REDIS,
    SCAN_WORKER,
    USE_BROKER,
    USE_POSTGRES,
    USE_REDIS,
    Addresses,
    Flow,
    Namespace,
    Pods,
    flows,
)
from infra.network import policed
from infra.network_settings import Network, cidrs
from infra.service_settings import Model, Tracing
from tests.unit.conftest import Made, Recording, run_stack

Policy = dict[str, Any]


def settings(**changed: Any) -> Network:
    everywhere = dict.fromkeys(("client_cidrs", "kubernetes_api_cidrs", "model_cidrs"), "0.0.0.0/0")
    values: dict[str, Any] = {
        "store_cidrs": "10.0.0.0/8",
        "otlp_cidrs": "10.0.0.0/8",
        "gateway_namespace": "",
        "prometheus_namespace": "watch",
        "keda_namespace": "keda",
        "istio": False,
    }
    return Network(**{**everywhere, **values, **changed})


def model(url: str) -> Model:
    return Model(base_url=url, api_key=None, vision="v", answer="a")  # type: ignore[arg-type]


def table(
    url: str = "https://api.example/v1",
    *,
    otlp_endpoint: str = "",
    own_stores: bool = True,
    own_prometheus: bool = True,
    **changed: Any,
) -> tuple[Flow, ...]:
    own = {"own_redis": own_stores, "own_postgres": own_stores, "own_prometheus": own_prometheus}
    return flows(settings(**changed), model(url), Tracing(endpoint=otlp_endpoint), amqp_port=5672, keda=False, **own)


def policies(stack: Recording, namespace: str) -> dict[str, Policy]:
    found = [made for made in stack.of_kind("NetworkPolicy") if made.metadata["namespace"] == namespace]
    return {made.metadata["name"]: made.spec for made in found}


def pods_of(stack: Recording) -> Iterator[tuple[str, dict[str, str]]]:
    """Namespace and labels of every pod that the stack makes."""
    for made in (made for kind in ("Deployment", "StatefulSet", "Job") for made in stack.of_kind(kind)):
        yield made.metadata["namespace"], made.spec["template"]["metadata"]["labels"]
    for made in stack.of_kind("Prometheus"):
        yield made.metadata["namespace"], made.spec["podMetadata"]["labels"]
    for cluster in stack.of_kind("RabbitmqCluster"):
        name = cluster.metadata["name"]
        own = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "rabbitmq"}  # the operator's labels
        yield cluster.metadata["namespace"], own


def covers(pods: Pods, namespace: str, labels: dict[str, str]) -> bool:
    return pods.namespace == namespace and set(pods.labels) <= set(labels.items())


@pytest.mark.parametrize("namespace", namespaces.ALL)
def test_a_namespace_is_closed_both_ways_for_all_pods(namespace: str, built: Recording) -> None:
    closed = policies(built, namespace)["default-deny"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("namespace", namespaces.ALL)
def test_every_pod_may_ask_dns_and_nothing_else_by_that(namespace: str, built: Recording) -> None:
    [rule] = policies(built, namespace)["dns"]["egress"]
    assert {(port["protocol"], port["port"]) for port in rule["ports"]} == {("UDP", 53), ("TCP", 53)}
    assert [peer["podSelector"]["matchLabels"] for peer in rule["to"]] == [dict(DNS.labels)]


def test_every_pod_is_in_the_table_and_every_kind_in_the_table_is_a_pod(built: Recording) -> None:
    kinds = policed(table())
    made = list(pods_of(built))
    assert len(made) == len(kinds)
    for namespace, labels in made:
        assert len([kind for kind in kinds if covers(kind, namespace, labels)]) == 1, f"{namespace} {labels}"


def ends(spec: Policy, side: str) -> Iterator[tuple[dict[str, Any], tuple[int, ...]]]:
    for rule in spec.get(side.lower(), ()):
        for peer in rule["from" if side == "Ingress" else "to"]:
            yield peer, tuple(port["port"] for port in rule["ports"])


def test_what_is_open_on_one_side_is_open_on_the_other(built: Recording) -> None:
    """Read from the policies alone: a row of which one side is missing is refused in the cluster."""
    by_selector = {
        (made.metadata["namespace"], frozenset(made.spec["podSelector"]["matchLabels"].items())): made.spec
        for made in built.of_kind("NetworkPolicy")
        if made.spec["podSelector"]
    }
    seen = 0
    for (namespace, labels), spec in by_selector.items():
        for side, other in (("Ingress", "Egress"), ("Egress", "Ingress")):
            for peer, ports in ends(spec, side):
                if "podSelector" not in peer:
                    continue
                there = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                opposite = by_selector[(there, frozenset(peer["podSelector"]["matchLabels"].items()))]
                here = {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                    "podSelector": {"matchLabels": dict(labels)},
                }
                assert (here, ports) in list(ends(opposite, other)), f"{namespace} {dict(labels)} {side}"
                seen += 1
    assert seen > 2 * len(USE_BROKER)


def test_a_side_without_rows_is_left_to_the_namespace(built: Recording) -> None:
    job = policies(built, namespaces.CHARACTER)["character-migration"]
    assert job["policyTypes"] == ["Egress"]
    assert "ingress" not in job, "the API server stores no empty list"


USES = {"RABBITMQ_HOST": USE_BROKER, "REDIS_HOST": USE_REDIS, "POSTGRES_HOST": USE_POSTGRES}


@pytest.mark.parametrize("variable", USES)
def test_who_is_told_of_a_server_may_reach_it_and_nobody_else(variable: str, built: Recording) -> None:
    told = set()
    for made in (made for kind in ("Deployment", "Job") for made in built.of_kind(kind)):
        env = made.spec["template"]["spec"]["containers"][0].get("env", ())
        if variable in {entry["name"] for entry in env}:
            told.add(made.name)
    assert told == {pods.name for pods in USES[variable]}


def test_nothing_in_a_namespace_comes_before_the_policies_that_close_it(built: Recording) -> None:
    kinds = ("Deployment", "StatefulSet", "Job", "RabbitmqCluster")
    for made in (made for kind in kinds for made in built.of_kind(kind)):
        closed = {one.metadata["namespace"] for one in built.needed_by(made) if is_default_deny(one)}
        assert made.metadata["namespace"] in closed, f"{made.name} is open for a moment"


def is_default_deny(made: Made) -> bool:
    return made.type.endswith(":NetworkPolicy") and made.metadata["name"] == "default-deny"


@pytest.mark.parametrize(
    ("url", "port", "namespace"),
    [
        ("https://api.example/v1", 443, None),
        ("http://10.1.2.3:8080/v1", 8080, None),
        ("http://llm.models.svc:8000/v1", 8000, "models"),
        ("http://llm.models.svc.cluster.local/v1", 80, "models"),
    ],
)
def test_the_model_is_reached_where_its_address_says(url: str, port: int, namespace: str | None) -> None:
    [flow] = [
        flow for flow in table(url, model_cidrs="192.0.2.0/24") if flow.client == SCAN_WORKER and flow.ports == (port,)
    ]
    assert flow.server == (Namespace(namespace) if namespace else Addresses(("192.0.2.0/24",)))


def test_external_stores_are_reached_by_their_addresses_and_have_no_page_of_measurements() -> None:
    outside = Addresses(("10.7.0.0/24",))
    rows = table(own_stores=False, store_cidrs="10.7.0.0/24")
    assert {flow.server for flow in rows if flow.ports in ((5432,), (6379,))} == {outside}
    assert not {flow.server for flow in rows} & {REDIS, POSTGRES}


def test_a_prometheus_of_the_clusters_own_reads_the_same_measurements() -> None:
    own = {(flow.server, flow.ports) for flow in table() if flow.client == PROMETHEUS}
    other = {(flow.server, flow.ports) for flow in table(own_prometheus=False) if flow.client == Namespace("watch")}
    assert other == {
        (server, ports) for server, ports in own if isinstance(server, Pods) and server.namespace != "monitoring"
    }
    assert len(other) > 10


def test_a_gateway_calls_the_api_and_authz() -> None:
    more = set(table(gateway_namespace="ingress")) - set(table())
    assert {(flow.server.name, flow.ports) for flow in more if isinstance(flow.server, Pods)} == {
        ("scan-api", (8000,)),
        ("authz", (50052,)),
    }


def test_with_istio_the_app_has_sidecars_that_reach_istiod_and_jobs_have_none() -> None:
    stack = run_stack("dev", istio=True)
    injected = {
        made.metadata["name"]
        for made in stack.of_kind("Namespace")
        if made.metadata["labels"].get("istio-injection") == "enabled"
    }
    assert injected == set(namespaces.APP)
    for made in (made for kind in ("Deployment", "Job") for made in stack.of_kind(kind)):
        namespace, template = made.metadata["namespace"], made.spec["template"]
        if namespace not in injected:
            continue
        is_job = template["metadata"]["labels"].get("sidecar.istio.io/inject") == "false"
        assert is_job == made.type.endswith(":Job")
        if not is_job:
            peers = [peer for peer, ports in ends(policies(stack, namespace)[made.name], "Egress") if ports == (15012,)]
            assert [peer["podSelector"]["matchLabels"] for peer in peers] == [{"app": "istiod"}]


def test_character_is_called_by_the_reward_worker_alone() -> None:
    served = [flow for flow in table() if flow.server == CHARACTER and flow.ports == (50051,)]
    clients = {flow.client.name for flow in served if isinstance(flow.client, Pods)}
    assert clients == {"reward-worker"}


@pytest.mark.parametrize(
    ("text", "message"), [("10.0.0.1/8", "host bits"), ("nowhere", "Use ranges"), (" , ", "empty")]
)
def test_what_is_no_address_range_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"modelCidrs.*{message}"):
        settings(model_cidrs=text)


def test_ranges_are_separated_by_commas() -> None:
    assert cidrs("clientCidrs", "10.0.0.0/8, 192.0.2.1/32") == ("10.0.0.0/8", "192.0.2.1/32")
