"""Whatever way a scan's message dies, the scan fails with a reason within 10 s, and the message lies in its queue."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import pytest
import redis

from app import topology
from app.state.record import Status, Step, task_key
from tests.cluster.clients import Broker, Event, Json, Model, Scans, wait_for
from tests.cluster.outages import Lab

PROMISED_SECONDS = 10
VISION = topology.VISION.queue
DEAD_VISION = topology.dead_letter_queue(VISION)


@pytest.fixture(scope="module")
def state(lab: Lab) -> redis.Redis:
    return lab.redis()


@pytest.fixture(autouse=True)
def clean(broker: Broker) -> Iterator[None]:
    """What these tests make die is not left to others."""
    yield
    for queue in topology.DEAD_LETTER_QUEUES:
        broker.purge(queue.name)


@dataclass(frozen=True)
class Lone:
    """A scan of which no message is under way, as if its own had been replaced by the one that a test publishes."""

    task_id: str

    @property
    def headers(self) -> dict[str, Any]:
        """Celery's, of the first message of the scan's chain."""
        return {"task": topology.VISION.name, "id": self.task_id, "root_id": self.task_id, "lang": "py", "retries": 0}

    @property
    def body(self) -> str:
        return json.dumps([[self.task_id], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])


@pytest.fixture
def lone(state: redis.Redis) -> Lone:
    task_id = str(uuid.uuid4())
    fields = {"id": task_id, "status": Status.QUEUED, "step": Step.PENDING, "progress": 0, "version": 1, "attempt": 1}
    state.hset(task_key(task_id), mapping={**fields, "image_url": "https://photos.example.com/can.jpg"})
    state.expire(task_key(task_id), 600)
    return Lone(task_id)


@contextmanager
def fails_soon(scans: Scans, task_id: str) -> Iterator[None]:
    """The scan's event stream, opened before the block, ends with its failure within the promised time after it."""

    heard: SimpleQueue[list[Event]] = SimpleQueue()
    # A daemon: a scan that does not fail has a stream of a quarter of an hour, for which nobody waits.
    threading.Thread(target=lambda: heard.put(scans.events(task_id)), daemon=True).start()
    time.sleep(0.3)
    yield
    began = time.monotonic()
    last = heard.get(timeout=PROMISED_SECONDS + 5)[-1].data
    assert time.monotonic() - began <= PROMISED_SECONDS
    assert_failed(last)
    assert_failed(scans.status(task_id))


def assert_failed(state: Json) -> None:
    assert state["status"] == "failed"
    assert state["error"]["code"]
    assert any("가" <= letter <= "힣" for letter in state["error"]["message"]), "people are told nothing"


JSON = {"content_type": "application/json", "content_encoding": "utf-8"}
UNREADABLE: dict[str, Callable[[Lone], tuple[str | bytes, dict[str, Any]]]] = {
    "a body that is not JSON": lambda lone: (b"\x80\x04}{", {**JSON, "headers": lone.headers}),
    "a body of another form": lambda lone: ('{"task": 1}', {**JSON, "headers": lone.headers}),
    "another content type": lambda lone: (lone.body, {"content_type": "text/x-letter", "headers": lone.headers}),
    "a pickle": lambda lone: (
        b"\x80\x04N.",
        {"content_type": "application/x-python-serialize", "content_encoding": "binary", "headers": lone.headers},
    ),
    "no such task": lambda lone: (lone.body, {**JSON, "headers": {**lone.headers, "task": "scan.nothing"}}),
    "no headers": lambda lone: (lone.body, JSON),
    "no headers and no body": lambda lone: ("", {**JSON, "correlation_id": lone.task_id}),
    "a time to begin": lambda lone: (lone.body, {**JSON, "headers": {**lone.headers, "eta": "2999-01-01T00:00:00"}}),
    "a time to end": lambda lone: (lone.body, {**JSON, "headers": {**lone.headers, "expires": "2000-01-01T00:00:00"}}),
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_a_message_that_no_task_can_be_made_of_fails_its_scan(
    fault: str, lone: Lone, scans: Scans, broker: Broker
) -> None:
    body, properties = UNREADABLE[fault](lone)
    with fails_soon(scans, lone.task_id):
        broker.publish(topology.SCAN.name, VISION, body, **properties)
    assert scans.status(lone.task_id)["error"]["code"] == "undeliverable"
    [dead] = broker.messages(DEAD_VISION)
    [death] = dead["properties"]["headers"]["x-death"]
    assert (death["queue"], death["reason"]) == (VISION, "rejected"), "people cannot see where it comes from"


def test_a_dead_letter_that_names_no_scan_harms_nobody(broker: Broker, scans: Scans, model: Model) -> None:
    broker.publish(topology.SCAN.name, VISION, "nothing at all", **JSON)
    wait_for("the dead letter", lambda: broker.messages(DEAD_VISION), PROMISED_SECONDS)
    task_id = scans.submit_url("https://photos.example.com/can.jpg")
    assert scans.finish(task_id)["status"] == "completed"


def test_a_message_that_waited_too_long_fails_its_scan(lone: Lone, scans: Scans, broker: Broker, lab: Lab) -> None:
    with lab.without_workers(), fails_soon(scans, lone.task_id):
        broker.publish(topology.SCAN.name, VISION, lone.body, **JSON, headers=lone.headers, expiration="500")
    assert scans.status(lone.task_id)["error"]["code"] == "waited_too_long"


def test_a_message_that_was_delivered_too_often_fails_its_scan(
    lone: Lone, scans: Scans, broker: Broker, lab: Lab
) -> None:
    def give_back() -> bool:
        """The management API takes the message and gives it back, as a worker does that dies."""
        wish = {"count": 1, "ackmode": "reject_requeue_true", "encoding": "auto"}
        return bool(broker.http.post(f"/api/queues/{broker.vhost}/{VISION}/get", json=wish).json())

    with lab.without_workers(), fails_soon(scans, lone.task_id):
        broker.publish(topology.SCAN.name, VISION, lone.body, **JSON, headers=lone.headers)
        deliveries = 0
        while give_back():
            deliveries += 1
            assert deliveries <= 2 * topology.WORK_DELIVERY_LIMIT
    [dead] = broker.messages(DEAD_VISION)
    assert dead["properties"]["headers"]["x-death"][0]["reason"] == "delivery_limit"


@pytest.mark.parametrize("task", topology.SCAN_TASKS, ids=lambda task: task.name)
def test_a_message_that_finds_no_queue_fails_its_scan(
    task: topology.Task, scans: Scans, broker: Broker, model: Model
) -> None:
    with model.set(vision_seconds=1.0), broker.unbound(task.exchange, task.queue, task.queue):
        task_id = scans.submit_url("https://photos.example.com/can.jpg")
        with fails_soon(scans, task_id):
            time.sleep(2.0)
    assert scans.status(task_id)["error"]["code"] == "undeliverable"
    unrouted = [
        item["properties"].get("headers", {}).get("root_id") for item in broker.messages(topology.UNROUTED_QUEUE)
    ]
    assert task_id in unrouted


def test_a_scan_waits_for_a_topology_that_is_not_there_yet(scans: Scans, broker: Broker, model: Model) -> None:
    """The broker confirms what neither a binding nor an alternate exchange takes: it would be lost."""
    unrouted = topology.UNROUTED.name
    with ExitStack() as topology_before:
        for queue in (topology.UNROUTED_QUEUE, topology.DEAD_SCANS):
            topology_before.enter_context(broker.unbound(unrouted, queue))
        topology_before.enter_context(broker.unbound(topology.SCAN.name, VISION, VISION))
        task_id = scans.submit_url("https://photos.example.com/can.jpg")
        time.sleep(2.0)
        assert scans.status(task_id)["status"] == "queued"
    assert scans.finish(task_id)["status"] == "completed"


def test_a_retry_that_finds_no_queue_fails_its_scan(scans: Scans, broker: Broker, model: Model) -> None:
    rung = topology.SCAN_LADDER[0].name
    with model.set(vision_seconds=0.5, fault="error500"), broker.unbound(rung, rung):
        task_id = scans.submit_url("https://photos.example.com/can.jpg")
        with fails_soon(scans, task_id):
            time.sleep(0.5)


def test_the_death_of_a_copy_leaves_a_scan_alone_that_goes_on(scans: Scans, broker: Broker, model: Model) -> None:
    with model.set(vision_seconds=3.0):
        task_id = scans.submit_url("https://photos.example.com/can.jpg")
        wait_for("the model call", lambda: scans.status(task_id)["status"] == "processing")
        broker.publish(topology.SCAN.name, VISION, "garbage", **JSON, headers=Lone(task_id).headers)
        assert scans.finish(task_id)["status"] == "completed"
    assert broker.messages(DEAD_VISION), "the copy was to die"


def test_a_dead_letter_of_a_finished_scan_changes_nothing(scans: Scans, broker: Broker, model: Model) -> None:
    task_id = scans.submit_url("https://photos.example.com/can.jpg")
    done = scans.settle(task_id)
    broker.publish(topology.SCAN.name, VISION, "garbage", **JSON, headers=Lone(task_id).headers)
    wait_for("the dead letter", lambda: broker.messages(DEAD_VISION), PROMISED_SECONDS)
    time.sleep(2)
    assert scans.status(task_id) == done
