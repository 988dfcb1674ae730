"""Changes the catalogue of characters, and tells every Character pod: ``python -m app.character.catalogue --help``.

A change is committed first and published then. If it cannot be published, the pods find it within a minute anyway.
"""

import argparse
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app import topology
from app.broker import broker_connection, opened, publish_json
from app.character.catalogue import store
from app.character.catalogue.messages import change_message, reload_message
from app.character.catalogue.snapshot import Row
from app.character.database import create_database
from app.publishing import FAILURES
from app.rules import RECYCLABLE_MIDDLE_CATEGORIES
from app.settings import CharacterSettings

_PUBLISH_SECONDS = 30
_RETRY_SECONDS = 1.0
_LABEL_CHARACTERS = 50
_DIALOG_CHARACTERS = 300
_COLUMNS = ("code", "name", "matches", "type", "version", "dialog")

Publish = Callable[[dict[str, Any]], None]
"""Raises NotPublished."""


class NotPublished(Exception):
    """The broker did not confirm a message in time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when done, 1 when refused or not wholly done; argparse ends wrong calls with 2."""
    wish = _parser().parse_args(arguments)
    settings = CharacterSettings()
    logging.basicConfig(level=logging.ERROR)
    database = create_database(settings, connections=1)
    try:
        _say(run(wish, database, lambda message: _publish(settings, message)), as_json=wish.json)
    except store.Refused as refusal:
        return _fail(str(refusal))
    except SQLAlchemyError as error:
        return _fail(f"the database does not take it: {getattr(error, 'orig', None) or error}")
    except NotPublished as error:
        return _fail(str(error))
    return 0


def run(wish: argparse.Namespace, database: Engine, publish: Publish) -> list[Row] | str:
    """Does what was wished for; what there is to show. Raises Refused, NotPublished or SQLAlchemy's errors."""
    match wish.action:
        case "list":
            return [row for row in store.load(database) if wish.all or not row.deleted]
        case "reload":
            publish(reload_message())
            return "every Character pod reads the catalogue anew"
        case "add":
            row = store.add(database, code=wish.code, **_texts(wish), match_label=wish.matches)
        case "change":
            row = store.change(database, wish.code, _changes(wish))
        case _:
            row = store.remove(database, wish.code)
    try:
        publish(change_message(row))
    except NotPublished as error:
        raise NotPublished(
            f"{row.code} is committed as version {row.version}, but the pods were not told: {error}. "
            "They find it within a minute; or call reload."
        ) from error
    return [row]


def _texts(wish: argparse.Namespace) -> dict[str, str]:
    return {"name": wish.name, "type_label": wish.type, "dialog": wish.dialog}


def _changes(wish: argparse.Namespace) -> dict[str, str | None]:
    changes: dict[str, str | None] = {key: text for key, text in _texts(wish).items() if text is not None}
    if wish.matches is not None or wish.matches_nothing:
        changes["match_label"] = wish.matches
    if not changes:
        raise store.Refused("nothing to change: name at least one of --name, --type, --dialog, --matches")
    return changes


def _publish(settings: CharacterSettings, message: dict[str, Any]) -> None:
    deadline = time.monotonic() + _PUBLISH_SECONDS
    while True:
        try:
            with opened(broker_connection(settings)) as connection:
                publish_json(connection, topology.CHARACTER_CACHE.name, message)
            return
        except FAILURES as error:
            if time.monotonic() > deadline:
                raise NotPublished(f"the broker has not confirmed it in {_PUBLISH_SECONDS} s ({error!r})") from error
        time.sleep(_RETRY_SECONDS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app.character.catalogue", description="Shows and changes the catalogue of characters."
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON instead of a table")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    shown = actions.add_parser("list", parents=[common], help="show the catalogue as the database has it")
    shown.add_argument("--all", action="store_true", help="removed characters as well")
    added = actions.add_parser("add", parents=[common], help="add a character, or one that was removed")
    _take_character(added, is_new=True)
    changed = actions.add_parser("change", parents=[common], help="give a character other values")
    _take_character(changed, is_new=False)
    removed = actions.add_parser("remove", parents=[common], help="no scan earns it any more; who has it keeps it")
    removed.add_argument("code", type=_code)
    actions.add_parser("reload", parents=[common], help="let every Character pod read the catalogue anew")
    return parser


def _take_character(parser: argparse.ArgumentParser, *, is_new: bool) -> None:
    parser.add_argument("code", type=_code, help="lower-case letters, digits and hyphens, for example char-paper")
    parser.add_argument("--name", type=_label, required=is_new, help="what users see")
    parser.add_argument("--type", type=_label, required=is_new, help="what users see of its kind")
    parser.add_argument("--dialog", type=_dialog, required=is_new, help="what it says to users")
    matching = parser.add_mutually_exclusive_group()
    matching.add_argument(
        "--matches",
        choices=RECYCLABLE_MIDDLE_CATEGORIES,
        metavar="CATEGORY",
        help=f"the middle category that earns it: {', '.join(RECYCLABLE_MIDDLE_CATEGORIES)}",
    )
    if not is_new:
        matching.add_argument("--matches-nothing", action="store_true", help="no scan earns it")


def _code(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", text):
        raise argparse.ArgumentTypeError("a code is 1 to 64 lower-case letters, digits and hyphens")
    return text


def _label(text: str) -> str:
    return _text(text, _LABEL_CHARACTERS)


def _dialog(text: str) -> str:
    return _text(text, _DIALOG_CHARACTERS)


def _text(text: str, characters: int) -> str:
    if not text.strip() or len(text) > characters or not text.isprintable():
        raise argparse.ArgumentTypeError(f"1 to {characters} printable characters are allowed")
    return text.strip()


def _say(found: list[Row] | str, *, as_json: bool) -> None:
    if as_json:
        document = {"done": found} if isinstance(found, str) else [row.model_dump() for row in found]
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write((found if isinstance(found, str) else _table(found)) + "\n")


def _table(rows: list[Row]) -> str:
    lines = [_COLUMNS, *map(_cells, rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(_padded, line, widths)).rstrip() for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    version = f"{row.version} removed" if row.deleted else str(row.version)
    return (row.code, row.name, row.match_label or "-", row.type_label, version, row.dialog)


def _width(text: str) -> int:
    """Columns on a terminal: Hangul takes two."""
    return sum(2 if "\u1100" <= letter <= "\uffdc" else 1 for letter in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _fail(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
