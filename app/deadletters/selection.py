"""Which dead letters a command is about."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app import topology
from app.deadletters.letters import Letter

_DEAD = tuple(queue.name for queue in topology.DEAD_LETTER_QUEUES)
_ARCHIVES = tuple(queue.name for queue in topology.ARCHIVES)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """All that is set must hold. Letters of unknown age are neither older nor newer than anything."""

    queue: str | None = None
    """A work queue, or the dead letter queue or archive of one."""
    task_id: str | None = None
    reason: str | None = None
    error: str | None = None
    older_than: timedelta | None = None
    newer_than: timedelta | None = None

    @property
    def is_everything(self) -> bool:
        return self == Selection()

    def shelves(self, *, archived: bool) -> tuple[str, ...]:
        """The dead letter queues to look through, or the archives. Raises ``ValueError`` for an unknown queue."""
        shelves = _ARCHIVES if archived else _DEAD
        if self.queue is None:
            return shelves
        named = tuple(shelf for shelf in shelves if self.queue in _names(shelf.partition(".")[2]))
        if not named:
            raise ValueError(f"no such queue: {self.queue} (there are {', '.join(shelves)})")
        return named

    def matches(self, letter: Letter, error: str | None, now: datetime) -> bool:
        """``error`` is why the letter's scan has failed; it is needed only where that is asked for."""
        age = now - letter.died_at if letter.died_at else None
        return (
            (self.task_id is None or letter.task_id == self.task_id)
            and (self.reason is None or letter.reason == self.reason)
            and (self.error is None or error == self.error)
            and (self.older_than is None or (age is not None and age >= self.older_than))
            and (self.newer_than is None or (age is not None and age <= self.newer_than))
        )


def _names(source: str) -> tuple[str, ...]:
    """By all of these a work queue's letters can be asked for."""
    return source, topology.dead_letter_queue(source), topology.archive_queue(source)


def age_of(text: str) -> timedelta:
    """Reads ``90s``, ``15m``, ``6h`` or ``2d``. Raises ``ValueError``."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    number, unit = text[:-1], text[-1:]
    if not number.isascii() or not number.isdigit() or len(number) > 6 or unit not in units:
        raise ValueError(f"{text!r} is no age: write 90s, 15m, 6h or 2d")
    return timedelta(**{units[unit]: int(number)})
