"""Moving letters: what the broker has not confirmed is not taken off its shelf."""

from collections.abc import Sequence
from typing import Any

import pytest

from app import topology
from app.deadletters.office import Office, in_batches
from app.deadletters.post import Undelivered
from app.deadletters.publications import Publication, for_archive
from tests.unit.deadletters.conftest import REWARD, FakeWalk, reward_letter


class FakePost:
    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)

    def deliver(self, publications: Sequence[Publication]) -> list[bool]:
        if not self.answers:
            raise Undelivered("away")
        return self.answers


def move(post: Any, walk: Any) -> list[Any]:
    nothing: Any = None
    moves = [(letter, for_archive(letter, topology.archive_queue(REWARD))) for letter in walk.letters]
    return Office(nothing, post).move(walk, moves)


def test_only_what_was_confirmed_is_settled() -> None:
    walk = FakeWalk([reward_letter() for _ in range(3)])
    first, second, third = walk.letters
    assert move(FakePost(True, False, True), walk) == [second]
    assert walk.settled == [first, third], "a letter that is in no other queue was taken off its shelf"


def test_without_a_confirm_nothing_is_settled() -> None:
    walk = FakeWalk([reward_letter()])
    with pytest.raises(Undelivered):
        move(FakePost(), walk)
    assert not walk.settled


def test_batches_hold_all_in_order() -> None:
    assert list(in_batches(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
