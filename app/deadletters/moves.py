"""What a person can have done with dead letters."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app import topology
from app.deadletters.desk import SCAN_QUEUES, Desk
from app.deadletters.letters import Letter
from app.deadletters.publications import Publication, for_archive, for_dead_letter_queue, for_work
from app.deadletters.reading import is_readable
from app.deadletters.walks import Walk
from app.state.reopening import Reopening

Refusal = str
"""Why a letter stays where it is."""


class Move(ABC):
    """One thing to be done with letters."""

    name: str
    done: str
    """The name's past participle."""
    of_archives = False
    """Whether it is done with what lies in the archives."""

    @abstractmethod
    def plan(self, desk: Desk, letter: Letter) -> str:
        """What would be done with the letter."""

    @abstractmethod
    def carry_out(self, desk: Desk, walk: Walk, letters: Sequence[Letter]) -> list[tuple[Letter, Refusal]]:
        """Does it with all letters but those that it returns.

        Raises ``Undelivered`` when the broker is away: then none of them is lost, and some may be there twice.
        """


@dataclass
class Requeue(Move):
    """Back to the queue that it died in. A failed scan is opened again instead, and begins where it failed."""

    name = "requeue"
    done = "requeued"

    def plan(self, desk: Desk, letter: Letter) -> str:
        match self._prepared(letter, desk.scans.outlook):
            case Publication(routing_key=queue):
                return f"to {queue}"
            case str() as refusal:
                return f"refused: {refusal}"
            case None:
                return "opens its scan again"

    def carry_out(self, desk: Desk, walk: Walk, letters: Sequence[Letter]) -> list[tuple[Letter, Refusal]]:
        refused: list[tuple[Letter, Refusal]] = []
        moves: list[tuple[Letter, Publication]] = []
        for letter in letters:
            match self._prepared(letter, desk.scans.reopen):
                case Publication() as publication:
                    moves.append((letter, publication))
                case str() as refusal:
                    refused.append((letter, refusal))
                case None:
                    walk.settle([letter])
        return refused + _moved(desk, walk, moves)

    def _prepared(self, letter: Letter, reopen: Callable[[str], Reopening]) -> Publication | Refusal | None:
        """None for a letter whose work is under way again by itself."""
        if letter.queue is None:
            return "it was for no queue of ours"
        if letter.queue not in SCAN_QUEUES:
            return for_work(letter, letter.queue)
        if letter.task_id is None:
            return "it names no scan"
        match reopen(letter.task_id):
            case Reopening.REOPENED:
                return None
            case Reopening.EXPIRED:
                return "input expired: the scan or its picture is gone"
            case _ if is_readable(letter):
                # A copy of a step that is done only passes on, which a completed scan's reward may be waiting for.
                return for_work(letter, letter.queue)
            case _:
                return "its scan has not failed, and nobody could read this message"


@dataclass
class Archive(Move):
    """From its dead letter queue to the archive, where it lies for 30 days."""

    name = "archive"
    done = "archived"

    def plan(self, desk: Desk, letter: Letter) -> str:
        return f"to {_archive_of(letter)}"

    def carry_out(self, desk: Desk, walk: Walk, letters: Sequence[Letter]) -> list[tuple[Letter, Refusal]]:
        return _moved(desk, walk, [(letter, for_archive(letter, _archive_of(letter))) for letter in letters])


@dataclass
class Restore(Move):
    """From the archive back to its dead letter queue."""

    name = "restore"
    done = "restored"
    of_archives = True

    def plan(self, desk: Desk, letter: Letter) -> str:
        return f"to {_dead_letter_queue_of(letter)}"

    def carry_out(self, desk: Desk, walk: Walk, letters: Sequence[Letter]) -> list[tuple[Letter, Refusal]]:
        return _moved(
            desk, walk, [(letter, for_dead_letter_queue(letter, _dead_letter_queue_of(letter))) for letter in letters]
        )


@dataclass
class Purge(Move):
    """Deleted for good."""

    of_archives: bool = False
    name = "purge"
    done = "deleted"

    def plan(self, desk: Desk, letter: Letter) -> str:
        return "deleted for good"

    def carry_out(self, desk: Desk, walk: Walk, letters: Sequence[Letter]) -> list[tuple[Letter, Refusal]]:
        walk.settle(letters)
        return []


def _moved(desk: Desk, walk: Walk, moves: list[tuple[Letter, Publication]]) -> list[tuple[Letter, Refusal]]:
    left = desk.office.move(walk, moves) if moves else []
    return [(letter, "the queue has no room") for letter in left]


def _archive_of(letter: Letter) -> str:
    return topology.archive_queue(_source_of(letter))


def _dead_letter_queue_of(letter: Letter) -> str:
    return topology.dead_letter_queue(_source_of(letter))


def _source_of(letter: Letter) -> str:
    """What its shelf is named for."""
    return letter.shelf.partition(".")[2]
