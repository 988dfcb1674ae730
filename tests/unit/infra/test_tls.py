"""AMQP by TLS: with the setting every client goes by it and none can go without; without it nothing of it is there."""

from pathlib import PurePosixPath
from typing import Any

import pytest

from infra.checks import SettingsError
from tests.certificates import Authority
from tests.unit.conftest import Made, Recording, run_stack
from tests.unit.infra.test_network import ends
from tests.unit.infra.test_rabbitmq import lines
from tests.unit.infra.test_services import BROKER, ENVIRONMENTS, READ_AS, env, workload
from tests.unit.infra.test_settings import load

CLIENTS = [name for name, variables in ENVIRONMENTS.items() if variables >= BROKER]
OTHERS = sorted(set(ENVIRONMENTS) - set(CLIENTS))
AMQP, AMQPS = 5672, 5671


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(scope="module")
def pem(authority: Authority) -> str:
    return authority.certificate.read_text()


@pytest.fixture
def secured(pem: str) -> Recording:
    return run_stack("dev", rabbitmqTlsSecret="rabbitmq-tls", rabbitmqTlsCa=pem)


def pod(stack: Recording, name: str) -> dict[str, Any]:
    found: dict[str, Any] = workload(stack, name).spec["template"]["spec"]
    return found


def broker_spec(stack: Recording) -> dict[str, Any]:
    return stack.one("RabbitmqCluster", "eco2-rabbitmq").spec


def ports_to_the_brokers(stack: Recording) -> set[int]:
    """Of those by which any of the app's pods may reach them."""
    return {
        port
        for made in stack.of_kind("NetworkPolicy")
        if made.metadata["namespace"] in ("scan", "character", "auth")
        for peer, ports in ends(made.spec, "Egress")
        if peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/name") == "eco2-rabbitmq"
        for port in ports
    }


def test_the_brokers_have_the_certificate_and_take_no_amqp_in_plain(secured: Recording) -> None:
    spec = broker_spec(secured)
    assert spec["tls"]["secretName"] == "rabbitmq-tls"
    assert lines(secured)["listeners.tcp"] == "none"
    container = spec["override"]["statefulSet"]["spec"]["template"]["spec"]["containers"][0]
    assert container["readinessProbe"]["tcpSocket"]["port"] == "amqps", "no broker would ever be ready"


def test_the_monitors_of_the_brokers_find_their_port_all_the_same(secured: Recording) -> None:
    (port,) = broker_spec(secured)["override"]["service"]["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (15692, 15692)
    assert {one["port"] for one in secured.one("ServiceMonitor", "rabbitmq").spec["endpoints"]} == {port["name"]}


def test_no_pod_may_reach_the_port_in_plain(secured: Recording) -> None:
    assert ports_to_the_brokers(secured) == {AMQPS}
    opened = {
        port
        for made in secured.of_kind("NetworkPolicy")
        for side in ("Ingress", "Egress")
        for _, ports in ends(made.spec, side)
        for port in ports
    }
    assert AMQP not in opened


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_verifies_the_broker_by_a_file_that_it_has(name: str, secured: Recording, pem: str) -> None:
    given = {variable: entry.get("value") for variable, entry in env(secured, name).items()}
    assert given["RABBITMQ_PORT"] == str(AMQPS)
    assert "rabbitmq_ca_file" in READ_AS[name].model_fields, "it would go in plain"
    file = PurePosixPath(given["RABBITMQ_CA_FILE"])

    (mount,) = (
        one for one in pod(secured, name)["containers"][0]["volumeMounts"] if one["mountPath"] == str(file.parent)
    )
    (volume,) = (one for one in pod(secured, name)["volumes"] if one["name"] == mount["name"])
    made = authority_of(secured, workload(secured, name), volume["configMap"]["name"])
    assert mount["readOnly"]
    assert made.inputs["data"] == {file.name: pem}


def authority_of(stack: Recording, client: Made, name: str) -> Made:
    """The ConfigMap of that name in the client's namespace, which is made before it."""
    (found,) = (
        made
        for made in stack.needed_by(client)
        if made.type.endswith(":ConfigMap")
        and (made.metadata["name"], made.metadata["namespace"]) == (name, client.metadata["namespace"])
    )
    return found


@pytest.mark.parametrize("name", OTHERS)
def test_who_does_not_use_the_broker_is_told_nothing(name: str, secured: Recording) -> None:
    assert "RABBITMQ_CA_FILE" not in env(secured, name)
    assert [volume["name"] for volume in pod(secured, name)["volumes"]] == ["tmp"]


def test_without_the_setting_there_is_nothing_of_it(built: Recording) -> None:
    spec = broker_spec(built)
    assert "tls" not in spec
    assert "service" not in spec["override"]
    assert ports_to_the_brokers(built) == {AMQP}
    for name in CLIENTS:
        assert env(built, name)["RABBITMQ_PORT"]["value"] == str(AMQP)
        assert "RABBITMQ_CA_FILE" not in env(built, name)
        assert [volume["name"] for volume in pod(built, name)["volumes"]] == ["tmp"]


def test_the_topology_operator_stays_with_the_management_port_that_it_may_reach(secured: Recording) -> None:
    (container,) = secured.one("Deployment", "messaging-topology-operator").spec["template"]["spec"]["containers"]
    variables = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert variables["CONNECT_USING_PLAIN_HTTP"] == "true", "it would ask 15671, and believe nobody there"


def test_one_of_the_two_settings_alone_is_refused(pem: str) -> None:
    with pytest.raises(SettingsError, match="need each other"):
        load(rabbitmqTlsSecret="rabbitmq-tls")
    with pytest.raises(SettingsError, match="need each other"):
        load(rabbitmqTlsCa=pem)


def test_an_authority_must_be_certificates_and_nothing_that_is_secret(pem: str, authority: Authority) -> None:
    for other in ("ca.crt", "인증서"):
        with pytest.raises(SettingsError, match=r"rabbitmqTlsCa is no PEM certificate.*pulumi config set"):
            load(rabbitmqTlsSecret="rabbitmq-tls", rabbitmqTlsCa=other)
    key = authority.issue("broker").key.read_text()
    with pytest.raises(SettingsError, match="has a private key in it"):
        load(rabbitmqTlsSecret="rabbitmq-tls", rabbitmqTlsCa=pem + key)
    load(rabbitmqTlsSecret="rabbitmq-tls", rabbitmqTlsCa=pem + pem)
