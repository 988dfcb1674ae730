"""Rows of what was granted. The same event always makes the same row, under the same id."""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from app.character.tables import ownership_id
from app.events import RewardGranted

Row = dict[str, Any]

SCAN = "scan"
"""The source of an ownership that a scan has earned."""


def ownerships(events: Sequence[RewardGranted]) -> list[Row]:
    """Rows of character_ownerships: who owns which character, and by which scan it was earned first."""
    return _one_each(
        {
            "id": ownership_id(event.user_id, event.character.code),
            "user_id": event.user_id,
            "character_code": event.character.code,
            "source": SCAN,
            "task_id": event.task_id,
            "granted_at": event.granted_at,
        }
        for event in sorted(events, key=lambda event: event.granted_at, reverse=True)
    )


def user_characters(events: Sequence[RewardGranted]) -> list[Row]:
    """Rows of user_characters: the user's copy of each character, as it was granted last."""
    return _one_each(
        {
            "id": ownership_id(event.user_id, event.character.code),
            "user_id": event.user_id,
            "character_code": event.character.code,
            "name": event.character.name,
            "type_label": event.character.type,
            "dialog": event.character.dialog,
            "updated_at": event.granted_at,
        }
        for event in sorted(events, key=lambda event: event.granted_at)
    )


def _one_each(rows: Iterable[Row]) -> list[Row]:
    """Of rows with one id the last, because one INSERT cannot update a row twice.

    They are in one order for all: two processes that write the same ones then wait for each other, and cannot lock
    each other out.
    """
    return sorted({row["id"]: row for row in rows}.values(), key=itemgetter("id"))
