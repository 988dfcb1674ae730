"""One run of the automatic replay."""

from collections.abc import Callable
from typing import Any

import pytest

from app import topology
from app.deadletters.letters import REPLAYS, REPLAYS_RUN
from app.deadletters.metrics import ARCHIVED, REPLAYED, STOPPED, UNREADABLE
from app.deadletters.needs import BACKLOG, complaint_about
from app.deadletters.post import Undelivered
from app.deadletters.replay import MAX_REPLAYS, QUEUES, Replay, Stopped
from tests.unit.deadletters.conftest import REWARD, FakeOffice, reward_letter

DEAD = topology.dead_letter_queue(REWARD)


class FakeCharacter:
    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)

    def is_serving(self) -> bool:
        return self.answers.pop(0) if self.answers else True


def replay(
    office: Any,
    character: FakeCharacter | None = None,
    go_on: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = lambda: 0.0,
) -> Replay:
    return Replay(office, complaint_about(character or FakeCharacter()), go_on, clock)


def value(metric: Any, *labels: str) -> float:
    return float(metric.labels(*labels)._value.get())


def test_scans_are_left_to_people() -> None:
    assert not {task.queue for task in topology.SCAN_TASKS} & set(QUEUES), "their clients were told that they failed"


def test_letters_go_back_to_their_queue_with_a_try_more(office: FakeOffice) -> None:
    office.shelves[DEAD] = [reward_letter(), reward_letter(headers={REPLAYS: 2})]
    before = value(REPLAYED, REWARD)
    replay(office).of(REWARD)
    assert [(item.exchange, item.routing_key, item.headers[REPLAYS]) for item in office.published] == [
        (topology.REWARD.name, REWARD, 1),
        (topology.REWARD.name, REWARD, 3),
    ]
    assert not office.shelves[DEAD]
    assert value(REPLAYED, REWARD) - before == 2


def test_a_letter_that_has_used_up_its_tries_is_archived(office: FakeOffice) -> None:
    office.shelves[DEAD] = [reward_letter(headers={REPLAYS: MAX_REPLAYS})]
    before = value(ARCHIVED, REWARD)
    replay(office).of(REWARD)
    assert [item.routing_key for item in office.published] == [topology.archive_queue(REWARD)]
    assert value(ARCHIVED, REWARD) - before == 1


def test_an_unreadable_letter_stays_and_blocks_nobody(office: FakeOffice) -> None:
    poison = reward_letter(body=b"garbage", headers={REPLAYS: MAX_REPLAYS})
    office.shelves[DEAD] = [poison, *(reward_letter() for _ in range(12))]
    replay(office).of(REWARD)
    assert office.shelves[DEAD] == [poison]
    assert len(office.published) == 12
    assert value(UNREADABLE, REWARD) == 1


@pytest.mark.parametrize("amiss", [(0, 0), (BACKLOG + 1, 1)], ids=["nobody consumes", "messages pile up"])
def test_an_outage_uses_up_no_try(amiss: tuple[int, int], office: FakeOffice) -> None:
    letter = reward_letter()
    office.shelves[DEAD], office.queues[REWARD] = [letter], amiss
    before = value(STOPPED, REWARD, "health")
    replay(office).of(REWARD)
    assert office.shelves[DEAD] == [letter]
    assert not office.published
    assert value(STOPPED, REWARD, "health") - before == 1


def test_an_outage_that_begins_meanwhile_ends_the_run(office: FakeOffice) -> None:
    office.shelves[DEAD] = [reward_letter() for _ in range(30)]
    replay(office, FakeCharacter(True, False)).of(REWARD)
    assert len(office.published) == 10, "more than a batch was thrown after what is down"


def test_a_letter_that_comes_round_waits_for_the_next_run(office: FakeOffice) -> None:
    office.shelves[DEAD] = [reward_letter()]
    run = replay(office)
    run.of(REWARD)
    [item] = office.published
    office.shelves[DEAD] = [reward_letter(headers=dict(item.headers))]
    run.of(REWARD)
    assert len(office.published) == 1, "it would use up all its tries within seconds"
    replay(office).of(REWARD)
    assert len(office.published) == 2
    assert office.published[0].headers[REPLAYS_RUN] != office.published[1].headers[REPLAYS_RUN]


def test_a_run_ends_after_a_minute(office: FakeOffice) -> None:
    office.shelves[DEAD] = [reward_letter() for _ in range(100)]
    times = iter([0.0, 30.0, 59.0, 61.0])
    replay(office, clock=lambda: next(times)).of(REWARD)
    assert len(office.published) == 20


def test_a_publish_that_is_not_confirmed_takes_nothing_away(office: FakeOffice) -> None:
    letters = [reward_letter() for _ in range(3)]
    office.shelves[DEAD], office.is_away = list(letters), True
    with pytest.raises(Undelivered):
        replay(office).of(REWARD)
    assert office.shelves[DEAD] == letters


def test_a_queue_without_room_ends_the_run(office: FakeOffice) -> None:
    office.shelves[DEAD] = [reward_letter()]
    office.full = {REWARD}
    with pytest.raises(Undelivered, match="no room"):
        replay(office).of(REWARD)
    assert not office.walks[0].settled


def test_a_worker_that_goes_down_stops_between_batches(office: FakeOffice) -> None:
    office.shelves[DEAD] = [reward_letter() for _ in range(30)]
    batches = iter([None, Stopped()])

    def go_on() -> None:
        if error := next(batches):
            raise error

    with pytest.raises(Stopped):
        replay(office, go_on=go_on).of(REWARD)
    assert len(office.published) == 10
