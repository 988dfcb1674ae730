"""Reading dead letters, and what is done about their scans."""

import json
from typing import Any
from uuid import uuid4

import pytest
from redis.exceptions import ConnectionError

from app import topology
from app.api.dead_letters import DeadLetter, DeadLetters, LayToRest, read_dead_letter
from app.state.reasons import Reason
from app.state.record import Step
from app.state.scans import Rest

SCAN = str(uuid4())
BODY = json.dumps([[SCAN], {}, {}]).encode()
DEAD_RULE = topology.dead_letter_queue(topology.RULE.queue)


def died(queue: str, reason: str) -> dict[str, Any]:
    """Headers of a message that died there after a retry. The broker puts the latest death first."""
    return {
        "x-death": [{"queue": queue, "reason": reason}, {"queue": topology.SCAN_LADDER[0].name, "reason": "expired"}]
    }


def read(**changes: Any) -> DeadLetter | None:
    letter = {
        "exchange": topology.DLX.name,
        "routing_key": DEAD_RULE,
        "headers": died(topology.RULE.queue, "rejected"),
        "correlation_id": None,
        "body": BODY,
    }
    return read_dead_letter(**letter | changes)


def test_a_letter_tells_the_scan_the_step_and_the_cause() -> None:
    assert read() == DeadLetter(task_id=SCAN, step=Step.ANALYZE, cause="rejected")


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("expired", Reason.WAITED_TOO_LONG),
        ("rejected", Reason.UNDELIVERABLE),
        ("delivery_limit", Reason.UNDELIVERABLE),
        ("maxlen", Reason.UNDELIVERABLE),
    ],
)
def test_people_are_told_why(cause: str, reason: Reason) -> None:
    letter = read(headers=died(topology.RULE.queue, cause))
    assert letter is not None
    assert letter.reason is reason


def test_an_unrouted_message_tells_by_its_key_where_it_was_to_go() -> None:
    letter = read(exchange=topology.SCAN.name, routing_key=topology.ANSWER.queue, headers={})
    assert letter is not None
    assert (letter.step, letter.cause) == (Step.ANSWER, "unrouted")


@pytest.mark.parametrize(
    "where",
    [
        {"headers": died(topology.RULE.queue, "rejected") | {"root_id": SCAN}},
        {"headers": died(topology.RULE.queue, "rejected") | {"id": SCAN}},
        {"correlation_id": SCAN},
    ],
)
def test_a_body_that_nobody_can_read_leaves_the_headers(where: dict[str, Any]) -> None:
    letter = read(**where, body=b"\x80\x04")
    assert letter is not None
    assert letter.task_id == SCAN


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"[[]]", b'["x"]', b'[["not-a-uuid"]]', b'{"0": 1}', b"[[1]]", b"[" * 60_000, b"1", b"\xff"]
)
def test_a_letter_that_names_no_scan_is_none(body: bytes) -> None:
    assert read(body=body) is None


@pytest.mark.parametrize("queue", [topology.REWARD_TASK.queue, "something.else"])
def test_a_letter_of_no_step_of_a_scan_is_none(queue: str) -> None:
    assert read(headers=died(queue, "rejected")) is None
    assert read(exchange=topology.REWARD.name, routing_key=queue, headers={}) is None


@pytest.mark.parametrize("task", topology.SCAN_TASKS, ids=lambda task: task.name)
def test_the_letters_of_every_step_are_understood(task: topology.Task) -> None:
    assert read(headers=died(task.queue, "rejected")), f"a scan whose message dies in {task.queue} would never end"


@pytest.mark.parametrize("deaths", [None, [], "x", ["x"], [{}]])
def test_headers_that_make_no_sense_are_survived(deaths: object) -> None:
    assert read(headers={"x-death": deaths}) is None


class FakeMessage:
    def __init__(self) -> None:
        self.body = BODY
        self.delivery_info = {"exchange": topology.DLX.name, "routing_key": DEAD_RULE}
        self.headers = died(topology.RULE.queue, "rejected")
        self.properties: dict[str, Any] = {}
        self.is_acknowledged = False

    def ack(self) -> None:
        self.is_acknowledged = True


def consumer(lay_to_rest: LayToRest) -> DeadLetters:
    return DeadLetters(None, lay_to_rest)  # type: ignore[arg-type]


@pytest.mark.parametrize("rest", [rest for rest in Rest if rest is not Rest.BUSY])
def test_a_letter_whose_scan_is_settled_is_acknowledged(rest: Rest) -> None:
    message = FakeMessage()
    consumer(lambda _: rest)._on_message(message)
    assert message.is_acknowledged


@pytest.mark.parametrize("trouble", [Rest.BUSY, ConnectionError(), TimeoutError()])
def test_a_letter_is_looked_at_again_until_its_scan_is_settled(
    trouble: Rest | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Rest | Exception] = [trouble, trouble, Rest.FAILED]

    def lay_to_rest(_: DeadLetter) -> Rest:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    message, dead_letters = FakeMessage(), consumer(lay_to_rest)
    dead_letters._on_message(message)
    dead_letters.on_iteration()
    assert len(answers) == 2, "without a pause the state store would be asked all the time"
    for _ in range(2):
        assert not message.is_acknowledged, "the scan would stay under way for ever"
        now += 1.5
        dead_letters.on_iteration()
    assert message.is_acknowledged
