"""Dead letters, for people: ``python -m app.deadletters list|show|requeue|archive|restore|purge``."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

from redis.exceptions import RedisError

from app.deadletters import commands
from app.deadletters.commands import Exit, Tally
from app.deadletters.desk import Desk
from app.deadletters.moves import Archive, Move, Purge, Requeue, Restore
from app.deadletters.office import open_office
from app.deadletters.post import NoSuchQueue, Undelivered
from app.deadletters.selection import Selection, age_of
from app.settings import Settings
from app.state.connection import connect
from app.state.reopening import ReopeningStore

_EPILOG = """\
In the cluster:
  kubectl -n scan exec -it deploy/reward-worker -- python -m app.deadletters list

What moves or deletes letters only says what it would do, until --yes is given. A message leaves its queue
after the broker has confirmed its copy: whenever this is interrupted, nothing is lost.
Exit codes: 0 done, 1 no letter was selected, 2 refused or failed, 64 wrong usage.
"""

_MOVES: dict[str, tuple[Callable[[argparse.Namespace], Move], str]] = {
    "requeue": (lambda _: Requeue(), "back to the queue that they died in; failed scans are opened again"),
    "archive": (lambda _: Archive(), "to the archive, where they lie for 30 days"),
    "restore": (lambda _: Restore(), "from the archive back to the dead letter queue"),
    "purge": (lambda words: Purge(of_archives=words.archived), "delete for good"),
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(Exit.USAGE, f"{self.prog}: {message}\n")


def _age(text: str) -> timedelta:
    try:
        return age_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of letters")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    filters = _Parser(add_help=False)
    filters.add_argument("--queue", metavar="NAME", help="of this work queue, dead letter queue or archive alone")
    filters.add_argument("--task-id", metavar="ID", help="of this scan alone")
    filters.add_argument("--reason", help="why they died: rejected, expired, delivery_limit, maxlen, unrouted")
    filters.add_argument("--error", metavar="CODE", help="why their scans failed, as error.code of the status says")
    filters.add_argument("--older-than", metavar="AGE", type=_age, help="dead for longer than 90s, 15m, 6h, 2d …")
    filters.add_argument("--newer-than", metavar="AGE", type=_age, help="dead for less long")
    archived = _Parser(add_help=False)
    archived.add_argument("--archived", action="store_true", help="in the archives")

    layout: Any = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="python -m app.deadletters", description=__doc__, epilog=_EPILOG, formatter_class=layout)
    words = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    listing = words.add_parser("list", parents=[filters, archived], help="a line for each")
    listing.add_argument("--limit", type=_count, default=100, help="at most so many (default: %(default)s)")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    showing = words.add_parser("show", parents=[filters, archived], help="headers, deaths and body, as JSON")
    showing.add_argument("--limit", type=_count, default=1, help="of the first so many (default: %(default)s)")
    for name, (_, purpose) in _MOVES.items():
        parents = [filters, archived] if name == "purge" else [filters]
        moving = words.add_parser(name, parents=parents, help=purpose, description=purpose)
        moving.add_argument("--all", action="store_true", help="all of them: needed where no filter is given")
        moving.add_argument("--limit", type=_count, help="the first so many")
        moving.add_argument("--yes", action="store_true", help="do it")
    return parser


def _selection(parser: argparse.ArgumentParser, words: argparse.Namespace) -> Selection:
    selection = Selection(
        queue=words.queue,
        task_id=words.task_id,
        reason=words.reason,
        error=words.error,
        older_than=words.older_than,
        newer_than=words.newer_than,
    )
    try:
        selection.shelves(archived=words.command == "restore" or getattr(words, "archived", False))
    except ValueError as error:
        parser.error(str(error))
    if words.command in _MOVES and selection.is_everything and not words.all:
        parser.error(f"{words.command} what? Give a filter, or --all")
    return selection


def main() -> Exit:
    """Carries out one command; the exit code tells how that went."""
    parser = _parser()
    words = parser.parse_args()
    selection = _selection(parser, words)
    settings = Settings()
    # It has a line for every message that comes while a walk is being ended.
    logging.getLogger("amqp").setLevel(logging.ERROR)
    scans = ReopeningStore(connect(settings, connections=1), ttl_seconds=settings.state_ttl_seconds)
    stopping = _stopping()
    try:
        with open_office(settings) as office:
            return _carry_out(Desk(office, scans, stopping), selection, words)
    except (Undelivered, NoSuchQueue, RedisError) as error:
        sys.stderr.write(f"failed: {error}\n")
        return Exit.REFUSED


def _carry_out(desk: Desk, selection: Selection, words: argparse.Namespace) -> Exit:
    limit = words.limit
    if words.command == "list":
        return commands.list_letters(
            desk, selection, archived=words.archived, limit=limit, as_json=words.json, say=_say
        )
    if words.command == "show":
        return commands.show(desk, selection, archived=words.archived, limit=limit, say=_say)
    move = _MOVES[words.command][0](words)
    if not words.yes:
        return commands.plan(desk, move, selection, limit=limit, say=_say)
    tally = Tally()
    try:
        return commands.carry_out(desk, move, selection, tally, limit=limit, say=_say)
    finally:
        _say(f"{tally.done} letters {move.done}, {tally.refused} refused")


def _stopping() -> threading.Event:
    """Set by the first Ctrl-C, or by SIGTERM; the second Ctrl-C ends the process at once."""
    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.stderr.write("stops after this page\n")

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return stopping


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
