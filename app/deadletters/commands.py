"""The commands, without their words' grammar: they answer with an exit code."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from app.deadletters import showing
from app.deadletters.desk import Desk, Selected
from app.deadletters.moves import Move
from app.deadletters.selection import Selection

Say = Callable[[str], None]
"""Takes a line of the answer."""

_PLANS_SHOWN = 20


class Exit(IntEnum):
    """The process' exit codes."""

    DONE = 0
    NOTHING = 1
    """No letter was selected."""
    REFUSED = 2
    """Some letters stayed where they are, or the command could not be carried out to its end."""
    USAGE = 64


def list_letters(desk: Desk, selection: Selection, *, archived: bool, limit: int, as_json: bool, say: Say) -> Exit:
    """A line for each letter, at most ``limit``."""
    shown = 0
    for letter, error in itertools.islice(_selected(desk, selection, archived), limit):
        if as_json:
            say(showing.as_line(showing.summary(letter, error, desk.now)))
        else:
            if not shown:
                say(showing.HEADING)
            say(showing.row(letter, error, desk.now))
        shown += 1
    if shown == limit:
        desk.tell(f"these are the first {limit}, see --limit")
    return _answer(desk, shown)


def show(desk: Desk, selection: Selection, *, archived: bool, limit: int, say: Say) -> Exit:
    """All that there is of a letter, as JSON; of the first ``limit`` that are selected."""
    shown = 0
    for letter, error in itertools.islice(_selected(desk, selection, archived), limit):
        say(showing.as_page(showing.in_full(letter, error, desk.now)))
        shown += 1
    return _answer(desk, shown)


def plan(desk: Desk, move: Move, selection: Selection, *, limit: int | None, say: Say) -> Exit:
    """Says what would be done, of the first few letters each."""
    found = 0
    for letter, error in itertools.islice(_selected(desk, selection, move.of_archives), limit):
        if found < _PLANS_SHOWN:
            say(f"{showing.row(letter, error, desk.now)}  → {move.plan(desk, letter)}")
        found += 1
    if found > _PLANS_SHOWN:
        say(f"and {found - _PLANS_SHOWN} more")
    say(f"would {move.name} {found} letters: nothing is done without --yes")
    return _answer(desk, found)


@dataclass
class Tally:
    """How many letters were dealt with so far. It holds whatever ends the command."""

    done: int = 0
    refused: int = 0


def carry_out(desk: Desk, move: Move, selection: Selection, tally: Tally, *, limit: int | None, say: Say) -> Exit:
    """Does it with all selected letters, at most ``limit``."""
    for shelf in selection.shelves(archived=move.of_archives):
        with desk.office.walk(shelf) as walk:
            for page in desk.pages(walk, shelf, selection):
                left = None if limit is None else limit - tally.done - tally.refused
                letters = [letter for letter, _ in page[:left]]
                refused = move.carry_out(desk, walk, letters) if letters else []
                tally.done += len(letters) - len(refused)
                tally.refused += len(refused)
                for letter, reason in refused:
                    say(f"{showing.row(letter, None, desk.now)}  → refused: {reason}")
                if left is not None and left <= len(letters):
                    break
    if tally.refused:
        return Exit.REFUSED
    return _answer(desk, tally.done)


def _selected(desk: Desk, selection: Selection, archived: bool) -> Iterator[Selected]:
    for shelf in selection.shelves(archived=archived):
        with desk.office.walk(shelf) as walk:
            for page in desk.pages(walk, shelf, selection):
                yield from page


def _answer(desk: Desk, count: int) -> Exit:
    if desk.stopping.is_set():
        return Exit.REFUSED
    return Exit.DONE if count else Exit.NOTHING
