"""kill -9 of every kind of pod in the middle of work: what was accepted completes, and is rewarded once."""

import pytest

from infra import namespaces
from tests.cluster.clients import Model, Scans, Shell
from tests.cluster.outages import BROKER_PROGRAM, REDIS_PROGRAM, Lab
from tests.cluster.rewards import Rows, Workload, assert_all_granted_once, insist, kill_pods

SCANS = 20
COMPONENT = "app.kubernetes.io/component"
PROGRAMS: dict[Workload, str] = {
    ("auth", "authz"): "python",
    ("character", "character"): "python",
    ("character", "character-worker"): "python",
    ("character", "users-worker"): "python",
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


@pytest.mark.parametrize("kind", PROGRAMS, ids=lambda kind: kind[1])
def test_a_pod_that_is_killed_in_the_middle_of_work_loses_and_doubles_nothing(
    kind: Workload, scans: Scans, model: Model, shell: Shell, lab: Lab, rows: Rows
) -> None:
    with lab.well_afterwards():
        tasks = [insist(scans, rows.user(position)) for position in range(SCANS)]
        kill_pods(shell, kind, PROGRAMS[kind])
        tasks += [insist(scans, rows.user(SCANS + position)) for position in range(SCANS)]
        assert_all_granted_once(scans, rows, tasks, 120)
