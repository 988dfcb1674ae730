"""Where a person's command looks through dead letters, page by page."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from redis.exceptions import RedisError

from app import topology
from app.deadletters.letters import Letter
from app.deadletters.office import Office, in_batches
from app.deadletters.selection import Selection
from app.deadletters.walks import Walk
from app.state.reopening import ReopeningStore

PAGE = 100
"""Letters that are looked at, and moved, together. A process that is killed leaves no more duplicates than these."""

_PROGRESS_SECONDS = 2.0

SCAN_QUEUES = frozenset(task.queue for task in topology.SCAN_TASKS)

Selected = tuple[Letter, str | None]
"""A letter, and why its scan has failed."""


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


@dataclass
class Desk:
    """What a command works with. ``stopping`` ends it after the page that it has in hand."""

    office: Office
    scans: ReopeningStore
    stopping: threading.Event = field(default_factory=threading.Event)
    tell: Callable[[str], None] = _to_stderr
    """Says how things go; the command's answer goes elsewhere."""

    def __post_init__(self) -> None:
        self.now = datetime.now(UTC)
        self._cannot_tell_errors = False

    def pages(self, walk: Walk, shelf: str, selection: Selection) -> Iterator[list[Selected]]:
        """What is selected of each page of the walk, which may be nothing."""
        seen, told_at = 0, time.monotonic()
        for page in in_batches(walk, PAGE):
            if self.stopping.is_set():
                return
            errors = self._errors(page, selection)
            yield [
                (letter, error)
                for letter, error in zip(page, errors, strict=True)
                if selection.matches(letter, error, self.now)
            ]
            seen += len(page)
            if time.monotonic() - told_at > _PROGRESS_SECONDS:
                told_at = time.monotonic()
                self.tell(f"{shelf}: {seen} of {walk.length} letters looked at")

    def _errors(self, page: list[Letter], selection: Selection) -> list[str | None]:
        asked = [letter.task_id if letter.queue in SCAN_QUEUES else None for letter in page]
        ids = [task_id for task_id in asked if task_id is not None]
        try:
            found = dict(zip(ids, self.scans.error_codes(ids), strict=True)) if ids else {}
        except RedisError as error:
            if selection.error is not None:
                raise
            if not self._cannot_tell_errors:
                self.tell(f"why the scans have failed is not known: Redis: {error}")
            self._cannot_tell_errors = True
            found = {}
        return [found.get(task_id) if task_id else None for task_id in asked]
