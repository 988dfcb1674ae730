"""The figures of a fault are computed from what clients saw."""

import math

import pytest

from tests.chaos.clients import Scan
from tests.chaos.result import longest_gap, refusals, summarised, table

SCANS = [
    Scan(posted=0.0, status=202, accepted=0.1, task_id="a", ended=2.0, state="completed"),
    Scan(posted=1.0, fault="ReadError"),
    Scan(posted=2.0, status=503),
    Scan(posted=3.0, status=202, accepted=3.6, task_id="b", ended=9.0, state="completed"),
    Scan(posted=4.0, status=202, accepted=4.1, task_id="c", state="processing"),
    Scan(posted=5.0, status=202, accepted=5.1, task_id="d", ended=6.0, state="failed"),
]


def test_what_is_accepted_and_not_completed_is_lost_and_what_is_refused_is_not() -> None:
    result = summarised("x", SCANS, duplicated=1, recovered_s=7.26)
    assert (result.attempted, result.accepted, result.completed, result.lost, result.duplicated) == (6, 4, 2, 2, 1)
    assert (result.post_gap_s, result.completion_gap_s, result.recovered_s) == (3.5, 7.0, 7.3)


def test_it_is_said_why_posts_were_not_accepted() -> None:
    assert refusals([*SCANS, SCANS[1]]) == "2 x ReadError, 1 x 503"
    assert refusals(SCANS[:1]) == ""


@pytest.mark.parametrize("times", [[], [1.0]])
def test_a_load_that_was_hardly_served_has_no_end_of_its_gap(times: list[float]) -> None:
    assert longest_gap(times) == math.inf


def test_the_table_has_a_line_a_fault_below_its_heads() -> None:
    lines = table([summarised("pod-kill", SCANS, 0, 1.0), summarised("cut", SCANS, 0, 100.0)]).splitlines()
    assert [line.split()[0] for line in lines] == ["fault", "pod-kill", "cut"]
    assert len({len(line) for line in lines}) == 1
    assert lines[2].split()[1:] == ["6", "4", "2", "2", "0", "3.5", "7", "100"]
