"""Lines for the person who runs the lab, and how long each phase took."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()


def say(line: str) -> None:
    """Print one line at once, whole even when several threads print."""
    with _lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class Phases:
    """Durations of named phases, in the order in which they began. Phases may overlap."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Announce a phase, and on its success print how long it took."""
        say(f"{title} ...")
        begun = time.monotonic()
        self._seconds[title] = 0.0
        try:
            yield
        finally:
            self._seconds[title] = time.monotonic() - begun
        say(f"{title}: {self._seconds[title]:.1f} s")

    def summary(self) -> str:
        """One line per phase and the whole time since this object was made."""
        rows = [*self._seconds.items(), ("in all", time.monotonic() - self._begun)]
        width = max(len(title) for title, _ in rows)
        return "\n".join(["where the time went:", *(f"  {title:<{width}}  {took:7.1f} s" for title, took in rows)])
