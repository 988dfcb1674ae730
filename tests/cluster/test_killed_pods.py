"""kill -9 of every kind of pod in the middle of work: what was accepted completes, and is rewarded once."""

import pytest

from infra import namespaces
from tests.cluster.clients import Model, Scans, Shell
from tests.cluster.outages import BROKER_PROGRAM, REDIS_PROGRAM, Lab
from tests.cluster.rewards import Rows, Workload, assert_all_granted_once, assert_granted, insist, kill_pods

SCANS = 20
COMPONENT = "app.kubernetes.io/component"
PROGRAMS: dict[str, dict[Workload, str]] = {
    "rewards": {
        ("character", "character"): "python",
        ("character", "character-worker"): "python",
        ("character", "users-worker"): "python",
        ("scan", "celery-beat"): "python",
        ("scan", "reward-worker"): "python",
    },
    "operators and monitoring": {
        ("auth", "authz"): "python",
        ("monitoring", "controller"): "operator",
        ("monitoring", "prometheus"): "prometheus",
        ("rabbitmq-system", "rabbitmq-operator"): "manager",
    },
    "postgres": {("postgres", "postgres"): "postgres"},
    "rabbitmq": {("rabbitmq", "rabbitmq"): BROKER_PROGRAM},
    "redis": {("redis", "redis"): REDIS_PROGRAM},
    "scan-api": {("scan", "scan-api"): "python"},
    "scan-worker": {("scan", "scan-worker"): "python"},
}
"""Which programs are killed together, by the namespace and the component of their pods."""


def kinds(shell: Shell) -> set[Workload]:
    """Of the pods that stay: a Job's are gone when they are done."""
    pods = shell.get("pods", "--all-namespaces")["items"]
    ours = [pod["metadata"] for pod in pods if pod["status"]["phase"] == "Running"]
    return {(pod["namespace"], pod["labels"][COMPONENT]) for pod in ours if pod["namespace"] in namespaces.ALL}


def test_every_kind_of_pod_is_killed_here(shell: Shell) -> None:
    killed = {kind for together in PROGRAMS.values() for kind in together}
    assert kinds(shell) == killed, "nobody knows what the death of such a pod does"


def test_pods_that_are_killed_in_the_middle_of_work_lose_and_double_nothing(
    subtests: pytest.Subtests, scans: Scans, model: Model, shell: Shell, lab: Lab, rows: Rows
) -> None:
    tasks: list[str] = []

    def submit() -> list[str]:
        return [insist(scans, rows.user(len(tasks) + position)) for position in range(SCANS)]

    for name, together in PROGRAMS.items():
        with subtests.test(name), lab.crashed_pods_replaced():
            tasks += (before := submit())
            for kind, program in together.items():
                kill_pods(shell, kind, program)
            tasks += (after := submit())
            assert_granted(scans, before + after, 120)
    assert_all_granted_once(scans, rows, tasks, 120)
