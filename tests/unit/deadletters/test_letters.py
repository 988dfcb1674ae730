"""What a dead message tells of itself."""

import json
from datetime import UTC
from typing import Any
from uuid import uuid4

import pytest

from app import topology
from app.deadletters.letters import REPLAYS, UNROUTED, WORK_QUEUE
from app.publishing import PUBLISHED_AT
from tests.unit.deadletters.conftest import DIED_AT, REWARD, death, order_body, reward_letter

SCAN = str(uuid4())
RULE = topology.RULE.queue


def test_it_died_in_a_work_queue_not_in_those_that_it_waited_in() -> None:
    waited = [death(topology.dead_letter_queue(RULE), "expired"), death(RULE), death(topology.SCAN_LADDER[0].name)]
    letter = reward_letter(shelf=topology.archive_queue(RULE), headers={"x-death": waited})
    assert (letter.queue, letter.reason) == (RULE, "rejected"), "it would be put back to where it never came from"
    assert letter.died_at == DIED_AT.replace(tzinfo=UTC)


@pytest.mark.parametrize("deaths", [None, "x", [], ["x"], [{}]])
def test_a_letter_without_a_death_came_from_the_queue_that_its_shelf_is_named_for(deaths: object) -> None:
    letter = reward_letter(headers={"x-death": deaths})
    assert (letter.queue, letter.reason, letter.died_at) == (REWARD, "?", None)


def unrouted(**changes: Any) -> Any:
    fields = {"shelf": topology.UNROUTED_QUEUE, "headers": {"x-death": None}, "routing_key": RULE}
    return reward_letter(**fields | changes)


@pytest.mark.parametrize(
    "letter",
    [
        unrouted(),
        unrouted(
            shelf=topology.archive_queue("unrouted"), headers={WORK_QUEUE: RULE, "x-death": None}, routing_key="x"
        ),
        unrouted(
            shelf=topology.archive_queue("unrouted"),
            headers={"x-death": [death(topology.UNROUTED_QUEUE, "expired", **{"routing-keys": [RULE]})]},
            routing_key="x",
        ),
    ],
    ids=["as it came", "archived by us", "archived by the broker"],
)
def test_an_unrouted_message_was_for_the_queue_of_its_key(letter: Any) -> None:
    assert (letter.queue, letter.reason) == (RULE, UNROUTED)


def test_an_unrouted_message_with_a_strange_key_was_for_no_queue() -> None:
    assert unrouted(routing_key="nothing").queue is None


def test_an_unrouted_message_is_as_old_as_its_sending() -> None:
    sent = unrouted(headers={"x-death": None, PUBLISHED_AT: 1767268800.0}).died_at
    assert sent is not None
    assert sent.timestamp() == 1767268800


@pytest.mark.parametrize(
    "where",
    [
        {"body": json.dumps([[SCAN], {}, {}]).encode()},
        {"body": order_body(SCAN)},
        {"body": json.dumps({"data": {"task_id": SCAN}}).encode()},
        {"body": b"garbage", "headers": {"root_id": SCAN}},
        {"body": b"garbage", "headers": {"id": SCAN}},
        {"body": b"garbage", "headers": {"id": None}, "properties": {"message_id": SCAN}},
    ],
)
def test_the_scan_is_found_wherever_it_stands(where: dict[str, Any]) -> None:
    assert reward_letter(**where).task_id == SCAN


@pytest.mark.parametrize("body", [b"", b"[]", b"[[]]", b"[[{}]]", b'[["x"]]', b"[" * 60_000, b"1" * 100_000, b"\xff"])
def test_a_body_that_nobody_can_read_is_survived(body: bytes) -> None:
    assert reward_letter(body=body, headers={"id": "x"}).task_id is None


@pytest.mark.parametrize(("header", "replays"), [(2, 2), (None, 0), ("3", 0), (True, 0), (-1, 0)])
def test_replays_are_counted_in_a_header(header: object, replays: int) -> None:
    assert reward_letter(headers={REPLAYS: header}).replays == replays
