"""What is said of the catalogue on its fanout exchange. A message carries the whole row: who hears it needs no more."""

import json
from typing import Any

from pydantic import ValidationError

from app.character.catalogue.snapshot import Row

_RELOAD = {"type": "reload"}


class Unreadable(Exception):
    """It is no message about the catalogue."""


def change_message(row: Row) -> dict[str, Any]:
    """This row has been added, changed or, if it says ``deleted``, removed."""
    return {"type": "change", **row.model_dump()}


def reload_message() -> dict[str, Any]:
    """Everybody shall read the catalogue from the database anew."""
    return dict(_RELOAD)


def read_message(body: bytes) -> Row | None:
    """The changed row; None for a wish to load anew. Raises Unreadable."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error
    match document:
        case {"type": "reload"}:
            return None
        case {"type": "change", **row}:
            try:
                return Row.model_validate(row)
            except ValidationError as error:
                raise Unreadable(f"no row of the catalogue: {error.errors()[0]['loc']}") from error
    raise Unreadable("of no known type")
