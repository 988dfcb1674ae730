"""kill -9 of every kind of pod in the middle of work: what was accepted completes, and is rewarded once."""

import pytest

from infra import namespaces
from tests.cluster.clients import Model, Scans, Shell
from tests.cluster.outages import BROKER_PROGRAM, REDIS_PROGRAM, Lab
from tests.cluster.rewards import Rows, Workload, assert_all_granted_once, assert_granted, insist, kill_pods

SCANS = 20
COMPONENT = "app.kubernetes.io/component"
PROGRAMS: dict[Workload, str] = {
    ("auth", "authz"): "python",
    ("character", "character"): "python",
    ("character", "character-worker"): "python",
    ("character", "users-worker"): "python",
    ("monitoring", "controller"): "operator",
    ("monitoring", "prometheus"): "prometheus",
    ("postgres", "postgres"): "postgres",
    ("rabbitmq", "rabbitmq"): BROKER_PROGRAM,
    ("rabbitmq-system", "rabbitmq-operator"): "manager",
    ("redis", "redis"): REDIS_PROGRAM,
    ("scan", "celery-beat"): "python",
    ("scan", "reward-worker"): "python",
    ("scan", "scan-api"): "python",
    ("scan", "scan-worker"): "python",
}
"""Which program is killed, by the namespace and the component of its pods."""


def kinds(shell: Shell) -> set[Workload]:
    """Of the pods that stay: a Job's are gone when they are done."""
    pods = shell.get("pods", "--all-namespaces")["items"]
    ours = [pod["metadata"] for pod in pods if pod["status"]["phase"] == "Running"]
    return {(pod["namespace"], pod["labels"][COMPONENT]) for pod in ours if pod["namespace"] in namespaces.ALL}


def test_every_kind_of_pod_is_killed_here(shell: Shell) -> None:
    assert kinds(shell) == set(PROGRAMS), "nobody knows what the death of such a pod does"


def test_pods_that_are_killed_in_the_middle_of_work_lose_and_double_nothing(
    subtests: pytest.Subtests, scans: Scans, model: Model, shell: Shell, lab: Lab, rows: Rows
) -> None:
    tasks: list[str] = []

    def submit() -> list[str]:
        return [insist(scans, rows.user(len(tasks) + position)) for position in range(SCANS)]

    for kind, program in PROGRAMS.items():
        with subtests.test(kind[1]), lab.well_afterwards():
            tasks += (before := submit())
            kill_pods(shell, kind, program)
            tasks += (after := submit())
            assert_granted(scans, before + after, 120)
    assert_all_granted_once(scans, rows, tasks, 120)
