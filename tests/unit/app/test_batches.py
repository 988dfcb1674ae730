"""Batches over a fake channel, a fake clock and a store that does what it is told."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from app.batches import Batches, Limits, Outage, UnreadableMessage, acknowledgements, save_all

SIZE, SECONDS = 3, 5.0


@dataclass(frozen=True)
class Note:
    text: str
    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Channel:
    acks: list[tuple[int, bool]] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)

    def basic_ack(self, delivery_tag: int, multiple: bool = False) -> None:
        self.acks.append((delivery_tag, multiple))

    def basic_reject(self, delivery_tag: int, requeue: bool) -> None:
        assert not requeue, "it would come again at once, for ever"
        self.rejected.append(delivery_tag)


@dataclass
class Store:
    """Refuses what contains "bad". While it ``is_away`` it saves nothing."""

    is_away: bool = False
    saved: list[str] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)

    def save(self, notes: Sequence[Note]) -> None:
        self.calls.append(len(notes))
        if self.is_away:
            raise Outage("away")
        if any("bad" in note.text for note in notes):
            raise ValueError("refused")
        self.saved += [note.text for note in notes]


def read(message: Any) -> Note:
    if message.body == "garbage":
        raise UnreadableMessage("no_event", "it is garbage")
    return Note(message.body)


class Loop:
    """The loop around the batches. A saving ends when the test says so, or at once."""

    def __init__(self) -> None:
        self.now = 100.0
        self.channel = Channel()
        self.store = Store()
        self.is_slow = False
        self._running: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._tag = 0
        self.batches: Batches[Note] = Batches(
            queue="test",
            channel=self.channel,
            read=read,
            save=self.store.save,
            submit=self._submit,
            limits=Limits(SIZE, SECONDS),
            clock=lambda: self.now,
        )

    def _submit(self, work: Callable[[], Any]) -> "Future[Any]":
        future: Future[Any] = Future()
        self._running.append((future, work))
        if not self.is_slow:
            self.finish()
        return future

    def finish(self) -> None:
        """The saving under way ends."""
        future, work = self._running.pop()
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    def deliver(self, *bodies: str) -> None:
        for body in bodies:
            self._tag += 1
            self.batches.take(SimpleNamespace(body=body, delivery_info={"delivery_tag": self._tag}))

    def go_on(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.batches.step()
        self.batches.step()


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_a_full_batch_is_saved_at_once_and_acknowledged_with_one_word(loop: Loop) -> None:
    loop.deliver("a", "b", "c")
    loop.go_on()
    assert loop.store.calls == [3], "rows would be inserted one by one"
    assert loop.channel.acks == [(3, True)]
    assert loop.batches.is_empty


def test_a_batch_that_does_not_fill_is_saved_when_its_first_message_has_waited_long_enough(loop: Loop) -> None:
    loop.deliver("a")
    loop.go_on(SECONDS - 1)
    loop.deliver("b")
    assert loop.batches.seconds_until_due() == pytest.approx(1.0)
    assert loop.store.calls == []
    loop.go_on(1)
    assert loop.store.saved == ["a", "b"], "an event would wait longer than promised"


def test_nothing_is_due_while_nothing_is_there(loop: Loop) -> None:
    assert loop.batches.seconds_until_due() is None
    loop.go_on(10 * SECONDS)
    assert loop.store.calls == []


def test_the_next_batch_gathers_while_one_is_saved_and_keeps_its_messages(loop: Loop) -> None:
    loop.is_slow = True
    loop.deliver("a", "b", "c", "d")
    loop.go_on()
    loop.deliver("e")
    assert loop.batches.is_saving
    loop.finish()
    loop.go_on()
    assert loop.channel.acks == [(3, True)], "a message would be acknowledged that is not saved"
    loop.go_on(SECONDS)
    loop.finish()
    loop.go_on()
    assert loop.channel.acks[1:] == [(5, True)]


def test_nothing_is_acknowledged_before_it_is_saved(loop: Loop) -> None:
    loop.is_slow = True
    loop.deliver("a", "b", "c")
    loop.go_on(10 * SECONDS)
    assert loop.channel.acks == []
    assert not loop.batches.is_empty


def test_what_cannot_be_read_is_dead_lettered_at_once_and_alone(loop: Loop) -> None:
    loop.deliver("a", "garbage", "b")
    assert loop.channel.rejected == [2]
    loop.deliver("c")
    loop.go_on()
    assert loop.store.saved == ["a", "b", "c"]
    assert loop.channel.acks == [(4, True)]


def test_only_the_rows_that_the_store_refuses_are_dead_lettered(loop: Loop) -> None:
    loop.deliver("a", "bad", "c")
    loop.go_on()
    assert loop.store.saved == ["a", "c"], "good events would be lost for a bad one"
    assert (loop.channel.rejected, loop.channel.acks) == ([2], [(3, True)])


def test_an_outage_settles_nothing_and_the_same_batch_is_tried_again(loop: Loop) -> None:
    loop.store.is_away = True
    loop.deliver("a", "b", "c", "d")
    loop.go_on()
    assert (loop.channel.acks, loop.channel.rejected) == ([], [])
    due = loop.batches.seconds_until_due()
    assert due is not None
    assert due > 0, "an outage would be a busy loop"
    loop.store.is_away = False
    loop.go_on(due)
    assert loop.store.saved == ["a", "b", "c"]
    assert loop.channel.acks == [(3, True)]


def test_a_long_outage_is_asked_about_less_and_less_but_at_least_every_few_seconds(loop: Loop) -> None:
    loop.store.is_away = True
    loop.deliver("a", "b", "c")
    waits = []
    for _ in range(12):
        loop.go_on()
        waits.append(loop.batches.seconds_until_due() or 0.0)
        loop.now += waits[-1]
    assert waits[-1] > waits[0]
    assert max(waits) <= 5, "rows would be late after the outage has ended"


def test_an_outage_in_the_middle_of_a_batch_with_bad_rows_dead_letters_none(loop: Loop) -> None:
    def save(notes: Sequence[Note]) -> None:
        loop.store.is_away = len(notes) == 1
        loop.store.save(notes)

    loop.batches.save = save
    loop.deliver("a", "bad", "c")
    loop.go_on()
    assert (loop.channel.acks, loop.channel.rejected) == ([], [])


def test_at_the_end_the_rest_is_saved_without_waiting_for_more(loop: Loop) -> None:
    loop.deliver("a")
    loop.batches.is_ending = True
    loop.go_on()
    assert loop.store.saved == ["a"]
    assert loop.batches.is_empty


def test_at_the_end_nobody_waits_for_a_store_that_is_away(loop: Loop) -> None:
    loop.store.is_away = True
    loop.deliver("a")
    loop.batches.is_ending = True
    with pytest.raises(Outage):
        loop.go_on()
    assert loop.channel.acks == []


@pytest.mark.parametrize(
    ("unsettled", "saved", "acks"),
    [
        ([], [], []),
        ([1, 2, 3], [1, 2, 3], [(3, True)]),
        ([1, 2, 3, 4], [1, 2, 3], [(3, True)]),
        ([1, 2, 3], [2, 3], [(2, False), (3, False)]),
        ([1, 2, 3, 4], [1, 2, 4], [(2, True), (4, False)]),
    ],
)
def test_one_acknowledgement_covers_only_what_is_settled(
    unsettled: list[int], saved: list[int], acks: list[tuple[int, bool]]
) -> None:
    assert acknowledgements(unsettled, saved) == acks


def test_a_batch_is_saved_row_by_row_only_for_its_datas_sake() -> None:
    store = Store(is_away=True)
    with pytest.raises(Outage):
        save_all(store.save, [Note("a"), Note("b")])
    assert store.calls == [2], "an outage would cost one timeout a row"
