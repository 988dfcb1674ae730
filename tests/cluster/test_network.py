"""The network is closed but for what this table says. It is typed here once more, so that no slip in the program's own
table (infra/flows.py) can go unseen: a row that it lacks, or has too many, is named."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra import namespaces
from tests.cluster.clients import Scans, Shell, wait_for
from tests.cluster.reachability import Pod, Row, running_pods, walk, wrong

pytestmark = pytest.mark.every_stack

CLIENTS_OF = {
    ("rabbitmq/rabbitmq", 5672): (
        "scan/scan-api scan/scan-worker scan/reward-worker scan/celery-beat character/character "
        "character/character-worker character/users-worker auth/authz"
    ),
    ("rabbitmq/rabbitmq", 15672): "rabbitmq-system/messaging-topology-operator",
    ("rabbitmq/rabbitmq", 4369): "rabbitmq/rabbitmq",
    ("rabbitmq/rabbitmq", 25672): "rabbitmq/rabbitmq",
    ("redis/redis", 6379): "scan/scan-api scan/scan-worker scan/reward-worker auth/authz",
    ("postgres/postgres", 5432): "character/character character/character-worker character/users-worker",
    ("rabbitmq/rabbitmq", 15692): "monitoring/prometheus",
    **{
        (server, 9000): "monitoring/prometheus"
        for server in (
            "scan/scan-worker",
            "scan/reward-worker",
            "scan/celery-beat",
            "character/character",
            "character/character-worker",
            "character/users-worker",
            "auth/authz",
            "redis/redis",
            "postgres/postgres",
        )
    },
    ("rabbitmq-system/rabbitmq-cluster-operator", 9782): "monitoring/prometheus",
    ("rabbitmq-system/messaging-topology-operator", 8080): "monitoring/prometheus",
    ("monitoring/prometheus-operator", 8080): "monitoring/prometheus",
    ("character/character", 50051): "scan/reward-worker",
    (
        "scan/scan-api",
        8000,
    ): "monitoring/prometheus model/model kube-system/kube-dns local-path-storage/local-path-provisioner",
    ("model/model", 8000): "scan/scan-worker",
}
"""By server and port. The API is open to all addresses, those of pods outside of the stack's namespaces included."""
OUTSIDE = {"model/model", "kube-system/kube-dns", "local-path-storage/local-path-provisioner"}
"""Not the stack's: they may connect to whatever lets them in, and let everybody in who may go out."""
DNS_ROW = ("kube-system/kube-dns", 53)
API_SERVER = "10.96.0.1"
USE_KUBERNETES = {
    "rabbitmq-system/rabbitmq-cluster-operator",
    "rabbitmq-system/messaging-topology-operator",
    "rabbitmq/rabbitmq",
    "monitoring/prometheus",
    "monitoring/prometheus-operator",
}


@pytest.fixture(scope="module")
def pods(shell: Shell) -> list[Pod]:
    return running_pods(shell.get("pods", "--all-namespaces")["items"])


def allowed(pods: list[Pod]) -> set[Row]:
    rows = {(client, server, port) for (server, port), clients in CLIENTS_OF.items() for client in clients.split()}
    rows |= {(pod.kind, *DNS_ROW) for pod in pods}
    return rows | {
        (client.kind, server.kind, port)
        for client in pods
        for server in pods
        for port in server.listens_on()
        if {client.kind, server.kind} <= OUTSIDE
    }


def test_every_pair_of_pods_connects_or_is_refused_as_the_table_says(pods: list[Pod]) -> None:
    found = walk(pods)
    assert {pod.kind.partition("/")[0] for pod in pods} >= set(namespaces.ALL)
    unseen = {row for row in allowed(pods) if row not in found and row[0] != row[1]}
    assert not unseen, f"nobody listens there, or no such pod runs: {unseen}"
    assert not wrong(found, allowed(pods))
    assert sum(results == {False} for results in found.values()) > 100, "hardly anything was refused"


def test_a_row_too_few_or_too_many_is_named(pods: list[Pod], shell: Shell) -> None:
    beat = next(pod for pod in pods if pod.kind == "scan/celery-beat")
    server = next(pod for pod in pods if pod.kind == "redis/redis")
    too_many = "scan/celery-beat gets through to redis/redis at 6379"
    with one_policy_more(shell, "redis", "Ingress"), one_policy_more(shell, "scan", "Egress"):
        wait_for("the new policies to hold", lambda: beat.reaches([(server.address, 6379)]) == [True], 10)
        found = walk([beat, server])
        assert too_many in wrong(found, allowed(pods))
        assert not wrong(found, allowed(pods) | {row for row, results in found.items() if results == {True}})
    wait_for("the policies to be gone", lambda: beat.reaches([(server.address, 6379)]) == [False], 10)
    too_few = {("scan/celery-beat", "redis/redis", 6379)}
    assert wrong(walk([beat, server]), allowed(pods) | too_few) == [
        "scan/celery-beat is refused by redis/redis at 6379"
    ]


@contextmanager
def one_policy_more(shell: Shell, namespace: str, side: str) -> Iterator[None]:
    """One that opens this side of all pods of a namespace within the block."""
    name = "a-row-too-many"
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": [side], side.lower(): [{}]},
    }
    shell.kubectl("create", "--filename=-", stdin=json.dumps(policy))
    try:
        yield
    finally:
        shell.kubectl("delete", "networkpolicy", name, f"--namespace={namespace}")


def test_a_service_address_is_judged_by_the_pods_behind_it(pods: list[Pod], shell: Shell) -> None:
    address = shell.cluster_ip("redis", "redis")
    reached = {pod.kind for pod in pods if pod.reaches([(address, 6379)]) == [True]}
    assert reached - {"redis/redis"} == set(CLIENTS_OF["redis/redis", 6379].split()), "itself it reaches anyhow"


def test_every_pod_may_ask_for_names_and_operators_and_brokers_alone_kubernetes(pods: list[Pod], shell: Shell) -> None:
    dns, redis = shell.cluster_ip("kube-system", "kube-dns"), shell.cluster_ip("redis", "redis")
    ours = [pod for pod in pods if pod.kind not in OUTSIDE]
    assert {pod.resolves("redis.redis.svc.cluster.local", dns) for pod in ours} == {redis}
    assert {pod.kind for pod in ours if pod.reaches([(API_SERVER, 443)]) == [True]} == USE_KUBERNETES


def test_what_is_outside_reaches_the_api_and_kubelet_its_probes(scans: Scans, shell: Shell) -> None:
    assert scans.http.get("/livez").status_code == 200
    not_ready = [
        pod["metadata"]["name"]
        for pod in shell.get("pods", "--all-namespaces")["items"]
        if pod["status"]["phase"] == "Running"
        and not all(status["ready"] for status in pod["status"]["containerStatuses"])
    ]
    assert not not_ready, "kubelet is refused by the policies"
