"""Traces: who makes them is told where they go and may go there; without the setting there is nothing of it."""

import pytest

from infra.checks import SettingsError
from infra.flows import TRACED, Addresses, Namespace, Pods
from tests.unit.conftest import Recording, run_stack
from tests.unit.infra.test_network import ends, table
from tests.unit.infra.test_services import ENVIRONMENTS, READ_AS, env
from tests.unit.infra.test_settings import load

ENDPOINT = "http://collector.tracing.svc:4318"
VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
NAMES = sorted(pods.name for pods in TRACED)


@pytest.fixture(scope="module")
def traced() -> Recording:
    return run_stack("dev", otlpEndpoint=ENDPOINT)


def may_go_to_the_collector(stack: Recording) -> list[str]:
    return sorted(
        made.metadata["name"]
        for made in stack.of_kind("NetworkPolicy")
        for peer, ports in ends(made.spec, "Egress")
        if ports == (4318,)
        and peer == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tracing"}}}
    )


def test_who_is_told_of_the_collector_may_reach_it_and_nobody_else(traced: Recording) -> None:
    told = {name: env(traced, name)[VARIABLE]["value"] for name in ENVIRONMENTS if VARIABLE in env(traced, name)}
    assert told == dict.fromkeys(NAMES, ENDPOINT)
    assert may_go_to_the_collector(traced) == NAMES
    for name in NAMES:
        assert VARIABLE.lower() in READ_AS[name].model_fields, "nobody would notice that a setting has no effect"


def test_a_scan_comes_through_all_that_make_traces() -> None:
    assert NAMES == ["character", "character-worker", "reward-worker", "scan-api", "scan-worker", "users-worker"]


def test_without_the_setting_nobody_is_told_and_no_way_is_open(built: Recording) -> None:
    assert not [name for name in ENVIRONMENTS if VARIABLE in env(built, name)]
    opened = {
        port for made in built.of_kind("NetworkPolicy") for _, ports in ends(made.spec, "Egress") for port in ports
    }
    assert 4318 not in opened
    assert {flow for flow in table(otlp_cidrs="192.0.2.0/24")} == set(table())


@pytest.mark.parametrize(
    ("endpoint", "port", "server"),
    [
        (ENDPOINT, 4318, Namespace("tracing")),
        ("http://collector.tracing.svc.cluster.local", 80, Namespace("tracing")),
        ("https://traces.example/otlp", 443, Addresses(("192.0.2.0/24",))),
        ("http://192.0.2.7:4318", 4318, Addresses(("192.0.2.0/24",))),
    ],
)
def test_the_way_to_the_collector_is_what_its_address_says(endpoint: str, port: int, server: object) -> None:
    more = set(table(otlp_endpoint=endpoint, otlp_cidrs="192.0.2.0/24")) - set(table())
    assert {(flow.server, flow.ports) for flow in more} == {(server, (port,))}
    assert sorted(flow.client.name for flow in more if isinstance(flow.client, Pods)) == NAMES


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://collector:4317", "http://", "http:collector"])
def test_what_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError, match=r"otlpEndpoint must be an address such as http://"):
        load(otlpEndpoint=endpoint)


@pytest.mark.parametrize("endpoint", ["https://me:secret@traces.example", "https://traces.example/?key=secret"])
def test_an_address_with_a_secret_is_refused_and_not_repeated(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="must be without a user, a password") as refused:
        load(otlpEndpoint=endpoint)
    assert "=secret" not in str(refused.value)
    assert ":secret" not in str(refused.value)


def test_ranges_of_a_collector_are_checked() -> None:
    with pytest.raises(SettingsError, match="otlpCidrs"):
        load(otlpCidrs="nowhere")
