"""The tools for dead letters in the lab: the timer's replay, and the command line in the reward-worker's pod."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from app import topology
from app.deadletters.letters import REPLAYS
from app.deadletters.replay import MAX_REPLAYS, TASK
from app.state.record import photo_key, task_key
from app.steps.reward_order import order_argument
from tests.cluster.clients import Broker, Json, Model, Scans, Shell, wait_for
from tests.cluster.outages import Lab
from tests.cluster.rewards import CHARACTER, REWARDS, kill_pods, metric, query, scaled

VISION = topology.VISION.queue
DEAD_VISION = topology.dead_letter_queue(VISION)
ARCHIVED_VISION = topology.archive_queue(VISION)
REWARD = topology.REWARD_TASK.queue
DEAD_REWARD = topology.dead_letter_queue(REWARD)
CAN = "https://photos.example.com/can.jpg"
JSON = {"content_type": "application/json", "content_encoding": "utf-8"}
DONE, NOTHING, REFUSED, USAGE = 0, 1, 2, 64


class Tools:
    """The command line, in the pod where people run it."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def __call__(self, *words: str) -> tuple[int, str]:
        pod = ("kubectl", "exec", "--namespace=scan", "deployment/reward-worker", "--")
        done = self._shell(*pod, "python", "-m", "app.deadletters", *words, check=False)
        return done.returncode, done.stdout + done.stderr

    def list(self, *words: str) -> list[Json]:
        code, said = self("list", "--json", "--limit=1000", *words)
        assert code in (DONE, NOTHING), said
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


@pytest.fixture
def tools(shell: Shell) -> Tools:
    return Tools(shell)


@pytest.fixture(scope="module")
def state(lab: Lab) -> redis.Redis:
    return lab.redis()


@pytest.fixture(autouse=True)
def clean(broker: Broker) -> Iterator[None]:
    """What these tests make die is not left to others."""
    yield
    for queue in (*topology.DEAD_LETTER_QUEUES, *topology.ARCHIVES):
        broker.purge(queue.name)


def failed_scan(scans: Scans, model: Model, broker: Broker, submit: Any) -> str:
    with model.set(vision_seconds=0.2, fault="error500"):
        task_id: str = submit()
        assert scans.finish(task_id)["status"] == "failed"
    wait_for("its dead letter", lambda: broker.messages(DEAD_VISION), 10)
    return task_id


def bury(broker: Broker, count: int, user: str, **headers: Any) -> list[str]:
    """Puts orders of rewards, each of a user of its own, among the dead letters as if they had been rejected there."""
    task_ids = [str(uuid.uuid4()) for _ in range(count)]
    for position, task_id in enumerate(task_ids):
        argument = order_argument(
            task_id=task_id,
            user_id=f"{user}-{position}",
            classification={"major_category": "재활용폐기물", "middle_category": "금속류", "minor_category": None},
            has_rules=True,
            insufficient=False,
        )
        body = json.dumps([[argument], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
        celerys = {"task": REWARD, "id": str(uuid.uuid4()), "root_id": task_id, "lang": "py", "retries": 3}
        broker.publish(topology.DLX.name, DEAD_REWARD, body, **JSON, headers=celerys | headers)
    return task_ids


def replay(broker: Broker) -> None:
    """Asks for a run as the timer does."""
    headers = {"task": TASK, "id": str(uuid.uuid4()), "lang": "py"}
    body = json.dumps([[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    broker.publish(topology.CELERY.name, topology.DEFAULT_QUEUE, body, **JSON, headers=headers)


def decided(shell: Shell, user: str) -> int:
    return int(query(shell, f"SELECT count(DISTINCT task_id) FROM reward_decisions WHERE user_id LIKE '{user}-%'"))


@pytest.fixture
def user() -> str:
    return f"dead-{uuid.uuid4().hex[:12]}"


def test_a_failed_scan_that_is_put_back_completes(
    scans: Scans, model: Model, broker: Broker, tools: Tools, state: redis.Redis
) -> None:
    task_id = failed_scan(scans, model, broker, lambda: scans.submit_url(CAN))
    [found] = tools.list("--task-id", task_id)
    assert (found["queue"], found["reason"], found["error"]) == (VISION, "rejected", "model_unavailable")
    assert tools("requeue", "--task-id", task_id)[0] == DONE
    assert scans.status(task_id)["status"] == "failed", "a dry run was no dry run"
    assert tools("requeue", "--task-id", task_id, "--yes")[0] == DONE
    end = scans.finish(task_id)
    assert (end["status"], end["progress"], end["error"]) == ("completed", 100, None)
    assert state.hget(task_key(task_id), "attempt") == "2"
    assert not tools.list("--task-id", task_id)


def test_a_scan_whose_photo_is_gone_is_not_opened_again(
    scans: Scans, model: Model, broker: Broker, tools: Tools, state: redis.Redis, photo: Any
) -> None:
    task_id = failed_scan(scans, model, broker, lambda: scans.submit(photo))
    state.delete(photo_key(task_id))
    code, said = tools("requeue", "--task-id", task_id, "--yes")
    assert (code, "input expired" in said) == (REFUSED, True)
    assert scans.status(task_id)["status"] == "failed"
    assert tools.list("--task-id", task_id), "the letter was thrown away with the refusal"


def test_letters_are_archived_restored_and_deleted(broker: Broker, tools: Tools) -> None:
    broker.publish(topology.SCAN.name, VISION, "garbage", **JSON)
    wait_for("the dead letter", lambda: broker.messages(DEAD_VISION), 10)
    for command, words, leaves, comes_to in (
        ("archive", (), DEAD_VISION, ARCHIVED_VISION),
        ("restore", (), ARCHIVED_VISION, DEAD_VISION),
        ("purge", (), DEAD_VISION, None),
    ):
        assert tools(command, "--queue", VISION, *words)[0] == DONE
        assert len(broker.messages(leaves)) == 1, f"{command} without --yes has done something"
        assert tools(command, "--queue", VISION, *words, "--yes")[0] == DONE
        assert not broker.messages(leaves)
        if comes_to:
            [letter] = broker.messages(comes_to)
            assert letter["properties"]["headers"]["x-death"][0]["queue"] == VISION, "its history is lost"
    assert tools("purge", "--queue", VISION, "--yes")[0] == NOTHING
    assert tools("purge", "--yes")[0] == USAGE


def test_a_letter_is_shown_with_its_deaths_and_its_body(broker: Broker, tools: Tools, user: str) -> None:
    [task_id] = bury(broker, 1, user)
    code, said = tools("show", "--task-id", task_id)
    assert code == DONE
    shown = json.loads(said)
    assert (shown["task_id"], shown["queue"], shown["body"][0][0]["task_id"]) == (task_id, REWARD, task_id)


def test_rewards_are_replayed_and_unreadable_ones_left(broker: Broker, shell: Shell, user: str) -> None:
    broker.publish(topology.DLX.name, DEAD_REWARD, "garbage", **JSON)
    bury(broker, 25, user)
    replay(broker)
    wait_for("all decisions", lambda: decided(shell, user) == 25, 30)
    [left] = broker.messages(DEAD_REWARD)
    assert not left["properties"].get("headers", {}).get(REPLAYS)


def test_an_outage_of_character_uses_up_no_try(broker: Broker, shell: Shell, user: str) -> None:
    stops = f'queue="{REWARD}"'
    with scaled(shell, CHARACTER, 0):
        bury(broker, 3, user)
        for _ in range(MAX_REPLAYS + 1):
            before = metric(shell, REWARDS, "deadletters_replay_stopped_total", stops)
            replay(broker)
            wait_for(
                "a run that stops",
                lambda seen=before: metric(shell, REWARDS, "deadletters_replay_stopped_total", stops) > seen,
                30,
            )
        letters = broker.messages(DEAD_REWARD)
        assert [letter["properties"]["headers"].get(REPLAYS) for letter in letters] == [None] * 3
        assert not broker.messages(topology.archive_queue(REWARD))

    def are_decided() -> bool:
        replay(broker)
        return decided(shell, user) == 3

    wait_for("all decisions", are_decided, 60, every_seconds=3)


def test_what_has_used_up_its_tries_is_archived(broker: Broker, shell: Shell, user: str) -> None:
    bury(broker, 1, user, **{REPLAYS: MAX_REPLAYS})
    replay(broker)
    wait_for("the archive", lambda: broker.messages(topology.archive_queue(REWARD)), 30)
    assert not broker.messages(DEAD_REWARD)
    assert decided(shell, user) == 0


def test_a_worker_that_is_killed_in_the_middle_of_a_replay_loses_nothing(
    broker: Broker, shell: Shell, lab: Lab, user: str
) -> None:
    count = 500
    bury(broker, count, user)
    with lab.crashed_pods_replaced():
        for _ in range(2):
            replay(broker)
            time.sleep(1.0)
            kill_pods(shell, REWARDS)
            wait_for("a new worker", lambda: shell.ready_pods(*REWARDS), 60)

        def are_decided() -> bool:
            replay(broker)
            return decided(shell, user) == count

        # What a killed run leaves of its lock holds on for a while.
        wait_for("all decisions", are_decided, 180, every_seconds=5)
    wait_for("the dead letters to be gone", lambda: not broker.messages(DEAD_REWARD), 30)


def test_many_letters_are_looked_through_in_seconds(broker: Broker, tools: Tools, user: str) -> None:
    bury(broker, 1000, user)
    begun = time.monotonic()
    assert len(tools.list("--queue", REWARD)) == 1000
    assert time.monotonic() - begun < 30
    assert len(broker.messages(DEAD_REWARD)) == 1000, "to look was to take"
