"""The tokens that are blocked, in memory. A lookup is one dictionary access, whatever is being changed meanwhile."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Change:
    """A token was blocked until then (seconds since the epoch), or unblocked where ``until`` is None.

    ``version`` grows with each change that the store takes.
    """

    jti: str
    until: float | None
    version: int


class BlockList:
    """Read by all threads; changed by the listener's and the sweeper's. A token is named by its ``jti``."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._changing = threading.Lock()
        self._until: dict[str, float] = {}
        self._loaded_version = -1
        self._versions: dict[str, int] = {}
        """Of tokens changed since the load."""

    @property
    def is_loaded(self) -> bool:
        return self._loaded_version >= 0

    def __len__(self) -> int:
        return len(self._until)

    def is_blocked(self, jti: str) -> bool:
        until = self._until.get(jti)
        return until is not None and until > self._clock()

    def replace(self, until: dict[str, float], version: int) -> None:
        """Takes over what the store has. Changes up to ``version`` are in it, later ones may be."""
        with self._changing:
            self._until = until
            self._versions = {}
            self._loaded_version = version

    def apply(self, change: Change) -> None:
        """Makes a change, unless it is older than what is known of its token."""
        with self._changing:
            if change.version <= self._versions.get(change.jti, self._loaded_version):
                return
            self._versions[change.jti] = change.version
            if change.until is None:
                self._until.pop(change.jti, None)
            else:
                self._until[change.jti] = change.until

    def drop_expired(self) -> int:
        """Forgets tokens that have expired by themselves; their number."""
        with self._changing:
            now = self._clock()
            expired = [jti for jti, until in self._until.items() if until <= now]
            for jti in expired:
                del self._until[jti]
        return len(expired)
