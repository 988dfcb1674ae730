"""Faults of `make chaos` in short, under load: nothing accepted is lost or doubled, and no hand is needed."""

import pytest

from tests.chaos.faults import FAULTS, SHORT
from tests.chaos.measuring import run
from tests.cluster.clients import Model
from tests.cluster.outages import Lab

pytestmark = pytest.mark.prod

PER_SECOND = 5
ELSEWHERE = {
    "worker-pod-kill": "test_crashes.py and test_killed_pods.py",
    "api-pod-kill": "test_crashes.py and test_killed_pods.py",
    "redis-kill": "test_outages.py and test_killed_pods.py",
    "disk-alarm": "test_crashes.py and test_monitoring.py",
    "brokers-all-killed": "test_dead_lettering.py and test_killed_pods.py",
    "broker-leader-kill": "data-node-death, which takes the leader's node with it",
}
"""In prod these are made by `make chaos` alone: where tests make each of them as well."""


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in ELSEWHERE])
def test_a_fault_loses_and_doubles_nothing_and_is_over_by_itself(name: str, lab: Lab, model_client: Model) -> None:
    result, scans = run(name, lab, model_client, SHORT, PER_SECOND)
    bad = [scan for scan in scans if scan.task_id and scan.state != "completed"]
    assert (result.lost, result.duplicated) == (0, 0), f"{result}: {bad[:5]}"
    assert result.post_gap_s <= FAULTS[name].post_gap_s, f"{result}"
    assert result.completion_gap_s <= FAULTS[name].completion_gap_s(SHORT), f"{result}"
