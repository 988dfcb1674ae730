"""A worker or a relay that dies at any point of a scan, or cannot publish, only delays it; results are stored once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import redis

from app import topology
from app.faults import Action, Point
from app.publishing import CONFIRM_SECONDS
from app.state.record import Step, step_key, task_key
from tests.cluster.clients import Broker, Event, Model, Scans, wait_for
from tests.cluster.outages import API, WORKER, Lab

STEPS = (Step.SCAN, Step.ANALYZE, Step.ANSWER)
POINTS = (Point.BEGUN, Point.ANSWERED, Point.STORED, Point.PUBLISHED)
PATIENCE_SECONDS = 90


@pytest.fixture(scope="module", autouse=True)
def hooks(lab: Lab) -> Iterator[None]:
    """API and workers listen to what addresses of pictures order, as they do nowhere else."""
    with lab.env(WORKER, API, FAULT_HOOKS="true"):
        yield


@pytest.fixture(scope="module")
def state(lab: Lab) -> redis.Redis:
    return lab.redis()


def struck(point: str, action: Action = Action.KILL, times: int = 1) -> str:
    """The address of a picture whose scan is struck at ``point``."""
    order = urlencode({"fault": point, "action": action, "times": times, "marker": f"marker-{uuid4().hex}"})
    return f"https://photos.example.com/can.jpg?{order}"


def marker_of(address: str) -> str:
    return address.rpartition("marker=")[2]


def assert_whole(scans: Scans, state: redis.Redis, task_id: str, events: list[Event]) -> None:
    """The scan has completed, its stream never went back, and each of its steps has stored one output."""
    assert events[-1].data["status"] == "completed"
    progress = [event.data["progress"] for event in events]
    versions = [event.version for event in events]
    assert progress == sorted(progress), "a step backwards"
    assert versions == sorted(set(versions))
    scans.settle(task_id, PATIENCE_SECONDS)
    after = int(state.hget(task_key(task_id), "version")) - events[-1].version
    assert after in (0, 1), "after the end nothing but the reward may be stored"
    for step in STEPS:
        assert state.hexists(step_key(task_id, step), "output")


def follow(scans: Scans, task_id: str) -> list[Event]:
    """All events until the end, over as many connections as it takes."""
    events: list[Event] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        last = {"Last-Event-ID": str(events[-1].version)} if events else {}
        events += scans.events(task_id, **last)
        if events and events[-1].data["status"] in ("completed", "failed"):
            return events
    raise AssertionError(f"{task_id} has no end: {events[-1:]}")


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_dies_at_any_point_of_a_step_only_delays_it(
    point: Point, scans: Scans, model: Model, lab: Lab, state: redis.Redis
) -> None:
    """A scan for each step, all under way at once: each death takes along what its worker had in hand of the others."""
    with lab.crashed_pods_replaced():
        tasks = {f"{step}.{point}": scans.submit_url(struck(f"{step}.{point}")) for step in STEPS}
        events = {where: follow(scans, task_id) for where, task_id in tasks.items()}
    for where, task_id in tasks.items():
        assert int(state.get(f"fault-seen:{task_id}:{where}") or 0) >= 1, f"no worker was struck at {where}"
        assert_whole(scans, state, task_id, events[where])


@pytest.mark.parametrize("step", [Step.SCAN, Step.ANSWER])
def test_a_worker_that_dies_during_the_model_call_only_delays_it(
    step: Step, scans: Scans, model: Model, lab: Lab, state: redis.Redis
) -> None:
    point = f"{step}.{Point.BEGUN}"
    with model.set(vision_seconds=2.0, answer_seconds=2.0), lab.crashed_pods_replaced():
        task_id = scans.submit_url(struck(point, Action.KILL_SOON))
        assert_whole(scans, state, task_id, follow(scans, task_id))
    assert int(state.get(f"fault-seen:{task_id}:{point}") or 0) == 2, "no worker was lost during the call"


def test_a_relay_that_dies_between_confirm_and_acknowledgement_publishes_twice_and_nothing_is_done_twice(
    scans: Scans, model: Model, lab: Lab, state: redis.Redis
) -> None:
    address, before = struck(Point.RELAYED, Action.KILL_LATE), lab.restarts(API)
    task_id = scans.submit_url(address)
    wait_for("the API's death", lambda: lab.restarts(API) > before, 30)
    lab.wait_until_well()
    assert_whole(scans, state, task_id, follow(scans, task_id))
    wait_for("the outbox to be empty", lambda: lab.outbox_entries() == 0, 60)
    assert int(state.get(f"fault-seen:{task_id}:{Point.RELAYED}") or 0) == 2, "the entry was not relayed again"
    time.sleep(2)
    assert model.counters()["counters"]["markers"][marker_of(address)] == {"waste_classification": 1}


BLOCKED = {
    f"{Step.SCAN}.{Point.STORED}": "between a step's result and the next link",
    f"{Step.SCAN}.{Point.RELEASED}": "between a failure and its retry",
}


@contextmanager
def stopped_at(point: str, scans: Scans, model: Model, state: redis.Redis) -> Iterator[str]:
    """A scan that waits at ``point`` within the block and goes on after it, to its end as a whole."""
    address = struck(point, Action.PAUSE)
    fault = "error500" if point.endswith(Point.RELEASED) else None
    with model.set(fault=fault, fault_calls=1, fault_marker=marker_of(address)):
        task_id = scans.submit_url(address)
        wait_for("the point", lambda: state.exists(f"fault-seen:{task_id}:{point}"))
        yield task_id
        assert_whole(scans, state, task_id, follow(scans, task_id))


def go_on(state: redis.Redis, task_id: str) -> None:
    state.set(f"fault-go:{task_id}", 1, ex=600)


@pytest.mark.parametrize("point", BLOCKED, ids=BLOCKED.values())
def test_a_disk_alarm_exactly_then_loses_no_scan(
    point: str, scans: Scans, model: Model, lab: Lab, state: redis.Redis
) -> None:
    with stopped_at(point, scans, model, state) as task_id, lab.disk_alarm():
        go_on(state, task_id)
        time.sleep(CONFIRM_SECONDS + 3)
        assert scans.status(task_id)["step"] == "scan", "the next link cannot have been published"


@pytest.mark.parametrize("point", BLOCKED, ids=BLOCKED.values())
def test_connections_cut_exactly_then_lose_no_scan(
    point: str, scans: Scans, model: Model, lab: Lab, state: redis.Redis
) -> None:
    with stopped_at(point, scans, model, state) as task_id:
        lab.cut_off(WORKER)
        go_on(state, task_id)


def test_a_message_delivered_again_while_its_first_copy_still_runs_gives_one_result(
    scans: Scans, model: Model, lab: Lab, state: redis.Redis
) -> None:
    address = struck("none")
    with model.set(vision_seconds=6.0):
        task_id = scans.submit_url(address)
        wait_for("the model call", lambda: scans.status(task_id)["status"] == "processing")
        lab.cut_off(WORKER)
        assert_whole(scans, state, task_id, follow(scans, task_id))
    copies = [line for line in lab.logs(WORKER).splitlines() if task_id in line and "another copy" in line]
    assert copies, "there never were two copies at once"
    assert model.counters()["counters"]["markers"][marker_of(address)] == {"waste_classification": 1}


def test_a_scan_that_kills_every_worker_fails_and_takes_no_innocent_along(
    scans: Scans, model: Model, lab: Lab, state: redis.Redis, broker: Broker
) -> None:
    limit = topology.WORK_DELIVERY_LIMIT
    with model.set(vision_seconds=3.0), lab.crashed_pods_replaced():
        innocents = [scans.submit_url("https://photos.example.com/can.jpg") for _ in range(20)]
        killer = scans.submit_url(struck(f"{Step.SCAN}.{Point.BEGUN}", times=100))
        innocents += [scans.submit_url("https://photos.example.com/can.jpg") for _ in range(20)]
        end = scans.finish(killer, timeout_seconds=420)
        ends = [scans.finish(innocent, timeout_seconds=60) for innocent in innocents]
    assert end["status"] == "failed"
    assert end["error"]["code"] == "workers_lost"
    assert [state["status"] for state in ends] == ["completed"] * len(innocents), "the killer took innocents along"
    assert int(state.get(f"fault-seen:{killer}:{Step.SCAN}.{Point.BEGUN}") or 0) == limit
    dead = broker.messages(topology.dead_letter_queue(topology.VISION.queue))
    assert killer in [item["properties"]["headers"]["root_id"] for item in dead]
    broker.purge(topology.dead_letter_queue(topology.VISION.queue))
