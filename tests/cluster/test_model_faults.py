"""A model that fails in any way: tried again after the ladder's delays without holding a worker, then a failed scan."""

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from app import topology
from tests.cluster.clients import Broker, Json, Model, Scans, wait_for
from tests.cluster.outages import WORKER, Lab

TRIES = 1 + len(topology.SCAN_LADDER)
DELAYS_SECONDS = [rung.delay.total_seconds() for rung in topology.SCAN_LADDER]
TIMEOUT_SECONDS = 3
FAULTS = ("error500", "error429", "hang", "nonsense", "close_mid_body", "huge")
DEAD_VISION = topology.dead_letter_queue(topology.VISION.queue)


@pytest.fixture(scope="module", autouse=True)
def impatient_workers(lab: Lab) -> Iterator[None]:
    """They wait for the model for three seconds, not for a minute, and hold few scans, so that held slots are felt."""
    with lab.env(WORKER, MODEL_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS), WORKER_CONCURRENCY="4"):
        yield


def submit(scans: Scans, name: str) -> tuple[str, str]:
    """A scan and the word by which the model stand-in knows its first step."""
    marker = f"marker-{name}-{uuid4().hex}"
    return scans.submit_url(f"https://photos.example.com/can.jpg?{marker}"), marker


def headers_of_dead(broker: Broker, task_id: str) -> Json:
    """Of the scan's message among the dead letters, where it comes some time after its scan has failed."""

    def found() -> list[Json]:
        dead = [item["properties"]["headers"] for item in broker.messages(DEAD_VISION)]
        return [headers for headers in dead if headers["root_id"] == task_id]

    [headers] = wait_for("the dead letter", found, 10)
    return dict(headers)


def fail_one(scans: Scans, model: Model, fault: str) -> tuple[Json, float, str, str]:
    """A scan whose every first step fails: its end, how long that took, its id and its marker."""
    name = f"{fault}-{uuid4().hex[:8]}"
    with model.set(vision_seconds=0.1, fault=fault, fault_marker=name):
        began = time.monotonic()
        task_id, marker = submit(scans, name)
        end = scans.finish(task_id, timeout_seconds=90)
        return end, time.monotonic() - began, task_id, marker


@pytest.mark.parametrize("fault", FAULTS)
def test_a_model_fault_is_tried_again_by_the_ladder_and_then_fails_the_scan(
    fault: str, scans: Scans, model: Model, broker: Broker
) -> None:
    end, seconds, task_id, marker = fail_one(scans, model, fault)

    assert end["status"] == "failed"
    assert end["error"]["code"] == "model_unavailable"
    assert model.counters()["counters"]["markers"][marker] == {"waste_classification": TRIES}
    in_calls = TRIES * (TIMEOUT_SECONDS if fault == "hang" else 0.1)
    assert seconds - in_calls >= sum(DELAYS_SECONDS) / 2, "the retries came sooner than the ladder says"
    assert seconds - in_calls <= sum(DELAYS_SECONDS) + 4, "the retries came later than the ladder says"
    dead = headers_of_dead(broker, task_id)
    assert dead["retries"] == len(topology.SCAN_LADDER)
    # Each retry is a message of its own, so the broker's history begins with the last one.
    assert [(death["queue"], death["reason"]) for death in dead["x-death"]] == [
        (topology.VISION.queue, "rejected"),
        (topology.SCAN_LADDER[-1].name, "expired"),
    ], "people cannot see what has happened to the message"
    broker.purge(DEAD_VISION)


def test_a_model_that_asks_to_be_left_alone_is_left_alone_as_long_as_the_ladder_reaches(
    scans: Scans, model: Model, broker: Broker
) -> None:
    with model.set(retry_after_seconds=3):
        end, seconds, _, _ = fail_one(scans, model, "error429")
    assert end["error"]["code"] == "model_unavailable"
    assert seconds >= 3 * len(topology.SCAN_LADDER), "it was asked again before its time"
    assert seconds <= DELAYS_SECONDS[-1] * len(topology.SCAN_LADDER) + 4
    broker.purge(DEAD_VISION)


def test_a_model_that_gets_well_in_time_is_asked_no_more_than_needed(scans: Scans, model: Model) -> None:
    name = f"once-{uuid4().hex[:8]}"
    with model.set(vision_seconds=0.1, fault="error500", fault_calls=2, fault_marker=name):
        task_id, marker = submit(scans, name)
        assert scans.finish(task_id)["status"] == "completed"
    assert model.counters()["counters"]["markers"][marker] == {"waste_classification": 3}


def test_scans_that_wait_for_their_retry_hold_up_no_other(scans: Scans, model: Model, broker: Broker) -> None:
    name = f"many-{uuid4().hex[:8]}"
    with model.set(vision_seconds=0.1, answer_seconds=0.1, fault="error500", fault_marker=name):
        failing = [submit(scans, name)[0] for _ in range(40)]
        began = time.monotonic()
        others = [scans.submit_url("https://photos.example.com/can.jpg") for _ in range(10)]
        ends = [scans.finish(task_id)["status"] for task_id in others]
        seconds = time.monotonic() - began
        assert ends == ["completed"] * len(others)
        assert [scans.status(task_id)["status"] for task_id in failing].count("failed") < len(failing), "too late"
        assert seconds < 4, f"10 scans took {seconds:.1f} s beside 40 that wait for a retry in 8 slots"
        assert {scans.finish(task_id)["status"] for task_id in failing} == {"failed"}
    broker.purge(DEAD_VISION)
