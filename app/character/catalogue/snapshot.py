"""The catalogue in memory: read by many threads without a lock, written by the listener's alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ConfigDict


class Row(BaseModel):
    """A character as the catalogue has it. A row that is deleted stays, to be newer than late messages about it."""

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)

    code: str
    name: str
    match_label: str | None
    """The middle category that earns it; None for the one that is given at sign-up."""
    type_label: str
    dialog: str
    version: int
    """Of this row: each change raises it."""
    deleted: bool = False


class NotLoaded(Exception):
    """The catalogue has not been read from the database yet."""


@dataclass(frozen=True)
class Snapshot:
    """One state of the catalogue. It never changes."""

    rows: Mapping[str, Row]

    @cached_property
    def version(self) -> int:
        """The newest of the rows' versions; 0 of an empty catalogue."""
        return max((row.version for row in self.rows.values()), default=0)

    @cached_property
    def active(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows.values() if not row.deleted)

    @cached_property
    def _by_label(self) -> Mapping[str, Row]:
        # While a label moves from one row to another, the message about the new one may be the first to come.
        ordered = sorted(self.active, key=lambda row: row.version)
        return {row.match_label: row for row in ordered if row.match_label is not None}

    def match(self, middle_category: str) -> Row | None:
        """The character that this middle category earns, by its exact name."""
        return self._by_label.get(middle_category)


class Catalogue:
    """Holds the present snapshot. A reader takes it once and decides by it alone."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None

    @property
    def is_loaded(self) -> bool:
        return self._snapshot is not None

    @property
    def snapshot(self) -> Snapshot:
        """Raises NotLoaded."""
        if self._snapshot is None:
            raise NotLoaded
        return self._snapshot

    def replace(self, rows: Iterable[Row]) -> None:
        """Takes these rows for all that there are."""
        self._snapshot = Snapshot({row.code: row for row in rows})

    def apply(self, row: Row) -> bool:
        """Takes a changed row over; False when what is known is the same or newer. Raises NotLoaded."""
        rows = self.snapshot.rows
        known = rows.get(row.code)
        if known is not None and known.version >= row.version:
            return False
        self._snapshot = Snapshot({**rows, row.code: row})
        return True
