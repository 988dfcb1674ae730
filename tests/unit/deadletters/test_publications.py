"""Letters that are published again."""

import pytest

from app import topology
from app.deadletters.letters import REPLAYS, REPLAYS_RUN, WORK_QUEUE
from app.deadletters.publications import for_archive, for_dead_letter_queue, for_work
from app.publishing import PUBLISHED_AT
from tests.unit.deadletters.conftest import REWARD, reward_letter

USED = {REPLAYS: 2, REPLAYS_RUN: "before", PUBLISHED_AT: 1.0, "mine": [1]}


@pytest.mark.parametrize("queue", [queue.name for queue in topology.WORK_QUEUES])
def test_a_queue_is_reached_without_another_getting_a_copy(queue: str) -> None:
    item = for_work(reward_letter(), queue)
    reached = {
        binding.queue
        for binding in topology.BINDINGS
        if binding.exchange == item.exchange and binding.routing_key == item.routing_key
    }
    assert reached == {queue}
    assert item.exchange != topology.REWARD_EVENTS.name


def test_a_new_try_has_all_its_retries_and_no_deaths() -> None:
    headers = for_work(reward_letter(headers=USED), REWARD, replays=3, run="now").headers
    assert "x-death" not in headers, "a broker drops what has gone round too often"
    assert (headers["retries"], headers[REPLAYS], headers[REPLAYS_RUN], headers["mine"]) == (0, 3, "now", [1])
    assert headers[PUBLISHED_AT] > 1, "the time that messages wait would be days"


def test_what_a_person_puts_back_begins_anew() -> None:
    headers = for_work(reward_letter(headers=USED), REWARD).headers
    assert not {REPLAYS, REPLAYS_RUN} & set(headers)


def test_a_new_try_begins_a_trace_that_is_linked_to_the_former_one_and_an_archived_letter_keeps_its_own() -> None:
    letter = reward_letter(headers={"traceparent": "the former"})
    headers = for_work(letter, REWARD).headers
    assert headers["eco2-trace-link"] == "the former"
    assert "traceparent" not in headers, "a trace of last week would go on"
    assert for_archive(letter, topology.archive_queue(REWARD)).headers["traceparent"] == "the former"


def test_an_archived_letter_keeps_its_history() -> None:
    letter = reward_letter(headers=USED)
    item = for_archive(letter, topology.archive_queue(REWARD))
    assert item.headers == {**letter.headers, WORK_QUEUE: REWARD}


def test_a_restored_letter_is_not_archived_again_at_once() -> None:
    item = for_dead_letter_queue(reward_letter(headers=USED), topology.dead_letter_queue(REWARD))
    assert REPLAYS not in item.headers
    assert "x-death" in item.headers


def test_what_the_broker_would_refuse_or_route_elsewhere_is_left_out() -> None:
    properties = {"user_id": "guest", "expiration": "1", "reply_to": "amq.rabbitmq.reply-to", "priority": 5}
    letter = reward_letter(properties=properties, headers={"CC": ["celery"], "BCC": [], "x-delivery-count": 3})
    item = for_archive(letter, topology.archive_queue(REWARD))
    assert item.properties == {"priority": 5, "delivery_mode": 2}
    assert not {"CC", "BCC", "x-delivery-count"} & set(item.headers)
