"""The faults of `make chaos` in short, under load: nothing accepted is lost or doubled, and no hand is needed."""

import pytest

from tests.chaos.faults import FAULTS, SHORT
from tests.chaos.measuring import run
from tests.cluster.clients import Model
from tests.cluster.outages import Lab

pytestmark = pytest.mark.prod

PER_SECOND = 5
KILLED_IN_DEV = {"worker-pod-kill", "api-pod-kill", "redis-kill"}
"""In prod by `make chaos` alone: test_killed_pods.py and test_outages.py kill these in the midst of dev's work."""


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in KILLED_IN_DEV])
def test_a_fault_loses_and_doubles_nothing_and_is_over_by_itself(name: str, lab: Lab, model_client: Model) -> None:
    result, scans = run(name, lab, model_client, SHORT, PER_SECOND)
    bad = [scan for scan in scans if scan.task_id and scan.state != "completed"]
    assert (result.lost, result.duplicated) == (0, 0), f"{result}: {bad[:5]}"
    assert result.post_gap_s <= FAULTS[name].post_gap_s, f"{result}"
    assert result.completion_gap_s <= FAULTS[name].completion_gap_s(SHORT), f"{result}"
