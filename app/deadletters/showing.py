"""Dead letters as people and programs read them."""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.deadletters.letters import Letter

_COLUMNS = (("QUEUE", 32), ("TASK ID", 36), ("TASK", 18), ("REASON", 14), ("AGE", 7), ("REPLAYS", 7), ("SIZE", 9))
HEADING = "  ".join(name.ljust(width) for name, width in _COLUMNS) + "  ERROR"


def row(letter: Letter, error: str | None, now: datetime) -> str:
    """One line of the table under ``HEADING``. Widths are fixed, so that nothing has to be kept to print it."""
    cells = (
        letter.shelf,
        letter.task_id,
        letter.task,
        letter.reason,
        _age(now - letter.died_at) if letter.died_at else None,
        str(letter.replays),
        str(len(letter.body)),
    )
    return (
        "  ".join(_cell(cell, width) for cell, (_, width) in zip(cells, _COLUMNS, strict=True))
        + f"  {_printable(error or '-')}"
    )


def summary(letter: Letter, error: str | None, now: datetime) -> dict[str, Any]:
    """What a row says, for programs."""
    return {
        "shelf": letter.shelf,
        "queue": letter.queue,
        "task_id": letter.task_id,
        "task": letter.task,
        "reason": letter.reason,
        "error": error,
        "died_at": letter.died_at.isoformat() if letter.died_at else None,
        "age_seconds": int((now - letter.died_at).total_seconds()) if letter.died_at else None,
        "replays": letter.replays,
        "bytes": len(letter.body),
    }


def in_full(letter: Letter, error: str | None, now: datetime) -> dict[str, Any]:
    """All of a letter: what a row says, properties, headers with its deaths, and the body, decoded if it can be."""
    return summary(letter, error, now) | {
        "routing_key": letter.routing_key,
        "properties": _jsonable(letter.properties),
        "headers": _jsonable(letter.headers),
        "body": _body(letter),
    }


def as_line(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)


def as_page(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)


def _body(letter: Letter) -> Any:
    if letter.document is not None:
        return letter.document
    try:
        return letter.body.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(letter.body).decode()}


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _jsonable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    return value if isinstance(value, str | int | float | None) else str(value)


def _cell(text: str | None, width: int) -> str:
    printable = _printable(text or "-")
    return (printable if len(printable) <= width else f"{printable[: width - 1]}…").ljust(width)


def _printable(text: str) -> str:
    """What a stranger has written into a message must not steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _age(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
