"""Where the pods of prod are, and what holds them there."""

from collections import Counter

import pytest

from tests.cluster.clients import Json, Shell
from tests.cluster.outages import BROKER

pytestmark = pytest.mark.prod

SPREAD = {("scan", "scan-api"), ("scan", "scan-worker"), ("character", "character"), ("auth", "authz")}


def data_nodes(shell: Shell) -> set[str]:
    return {node["metadata"]["name"] for node in shell.get("nodes", "--selector=domain=data")["items"]}


def test_each_broker_has_a_data_node_of_its_own_and_nobody_else_runs_there(shell: Shell) -> None:
    pods: list[Json] = shell.get("pods", "--all-namespaces")["items"]
    there = [pod for pod in pods if pod["spec"]["nodeName"] in data_nodes(shell)]
    assert {pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in there} == {BROKER}
    assert Counter(pod["spec"]["nodeName"] for pod in there) == dict.fromkeys(data_nodes(shell), 1)
    assert len(data_nodes(shell)) == 3


def test_what_answers_users_runs_on_two_nodes(shell: Shell) -> None:
    for namespace, component in SPREAD:
        nodes = {pod["spec"]["nodeName"] for pod in shell.ready_pods(namespace, component)}
        assert len(nodes) >= 2, f"one dead node would take {component} away"


def test_a_budget_lets_one_pod_of_a_kind_go_at_a_time(shell: Shell) -> None:
    budgets = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item["status"]
        for item in shell.get("poddisruptionbudgets", "--all-namespaces")["items"]
    }
    assert set(budgets) == SPREAD | {("rabbitmq", BROKER)}
    for name, status in budgets.items():
        assert status["disruptionsAllowed"] == 1, f"{name} could not be drained"
        assert status["desiredHealthy"] == status["expectedPods"] - 1


def test_the_brokers_volumes_are_of_the_class_of_the_stack(shell: Shell) -> None:
    claims = shell.get("persistentvolumeclaims", "--namespace=rabbitmq")["items"]
    assert {claim["spec"]["storageClassName"] for claim in claims} == {"gp3"}
    assert {claim["status"]["capacity"]["storage"] for claim in claims} == {"50Gi"}
    assert len(claims) == 3
