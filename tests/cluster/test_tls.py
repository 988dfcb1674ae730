"""AMQP by TLS on a live stack: it goes over to it by its settings alone.

Late: the brokers that test_restore.py lets come back, and all their clients with them, are back without it.
"""

import json
from collections.abc import Iterator

import httpx
import pytest

from app import topology
from tests.certificates import Authority, Certificate
from tests.cluster.clients import Broker, Model, Scans, Shell, Stack, wait_for
from tests.cluster.monitoring import Prometheus
from tests.cluster.outages import Lab
from tests.cluster.reachability import running_pods
from tests.cluster.rewards import Rows, assert_granted, submit

BROKER_NAME = "eco2-rabbitmq.rabbitmq.svc"
SECRET = "rabbitmq-tls"
AMQP, AMQPS = 5672, 5671
STATISTICS_SECONDS = 15
"""The management API's lists are some seconds old."""
SCRAPES_SECONDS = 45
SELDOM_CONNECTED = {"celery-beat"}
"""Opens a connection when it has something to send."""


@pytest.fixture(scope="module")
def secured(
    request: pytest.FixtureRequest, stack: Stack, shell: Shell, lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The stack with TLS, until the tests of this module have run."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority.create(folder / "ca")
    certificates = authority.certificate.read_text()
    configured = stack.with_settings(folder / "Pulumi.yaml", rabbitmqTlsSecret=SECRET, rabbitmqTlsCa=certificates)
    try:
        create_secret(shell, authority.issue(BROKER_NAME))
        configured.update()
        lab.wait_until_well()
        yield
    finally:
        if not any(item.path.name == "test_restore.py" for item in request.session.items):
            take_back(shell)
            stack.update()
            shell.kubectl("delete", "secret", SECRET, "--namespace=rabbitmq", "--ignore-not-found")
            lab.wait_until_well()


def create_secret(shell: Shell, made: Certificate) -> None:
    files = (f"--cert={made.certificate}", f"--key={made.key}")
    shell.kubectl("create", "secret", "tls", SECRET, "--namespace=rabbitmq", *files)


def take_back(shell: Shell) -> None:
    """As README says: the operator writes these fields as well, so that Pulumi alone cannot take them away."""
    removed = [{"op": "remove", "path": path} for path in ("/spec/tls", "/spec/override/service")]
    shell.kubectl(
        *("patch", "rabbitmqcluster", "eco2-rabbitmq", "--namespace=rabbitmq"),
        *("--type=json", f"--patch={json.dumps(removed)}"),
    )


@pytest.mark.usefixtures("secured")
def test_a_scan_and_its_reward_go_all_the_way(scans: Scans, rows: Rows, model: Model) -> None:
    """Through each of the clients: API, workers, Character and the two that write the rows."""
    assert_granted(scans, submit(scans, rows, 1), 60)
    wait_for("the rows of the reward", rows.are_whole, 30)


@pytest.mark.usefixtures("secured")
def test_every_client_comes_in_by_tls_and_nobody_listens_in_plain(broker: Broker) -> None:
    users = {service.name for service in topology.SERVICES} - SELDOM_CONNECTED

    def all_are_there() -> bool:
        return users <= {connection["user"] for connection in broker.everywhere("connections")}

    wait_for("a connection of each service", all_are_there, STATISTICS_SECONDS)
    plain = [one["user"] for one in broker.everywhere("connections") if not one["ssl"]]
    assert not plain
    listeners = {one["protocol"]: one["port"] for one in broker.http.get("/api/overview").json()["listeners"]}
    assert listeners["amqp/ssl"] == AMQPS
    assert "amqp" not in listeners


@pytest.mark.usefixtures("secured")
def test_the_network_lets_clients_to_the_port_of_tls_alone(shell: Shell) -> None:
    pods = running_pods(shell.get("pods", "--all-namespaces")["items"])
    (server,) = (pod for pod in pods if pod.kind == "rabbitmq/rabbitmq")
    clients = [pod for pod in pods if pod.kind in {f"{one.namespace}/{one.name}" for one in topology.SERVICES}]
    assert len(clients) >= len(topology.SERVICES)
    for client in clients:
        assert client.reaches([(server.address, AMQPS), (server.address, AMQP)]) == [True, False], client.kind


@pytest.mark.usefixtures("secured")
def test_the_brokers_are_still_measured(shell: Shell) -> None:
    address = shell.cluster_ip("monitoring", "prometheus")
    with httpx.Client(base_url=f"http://{address}:9090", timeout=30) as http:
        prometheus = Prometheus(http)
        both = [1.0, 1.0]
        wait_for("both pages", lambda: prometheus.values('up{job=~"rabbitmq(-queues)?"}') == both, SCRAPES_SECONDS)
