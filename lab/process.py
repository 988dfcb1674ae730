"""One long-running program of a node: how it is started, when it counts as ready, and how its failure is told."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.commands import last_lines
from lab.errors import LabError
from lab.probes import NotReady, probe


class ExitedError(LabError):
    """A program ended although it should run for ever."""


class NotReadyError(LabError):
    """A program runs but was not ready in time, or waits in vain for another one."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """What to run. ``needs`` and ``ready`` are addresses as ``probe`` takes them."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """It is not started before all of these are ready."""
    ready: str = ""
    """Its own address; empty when running is all that can be asked."""
    environment: Mapping[str, str] = field(default_factory=dict)


class RunningProcess:
    """A process's life in one node: waiting, running, ready, and started again each time it ends."""

    def __init__(self, process: Process, log: Path, authority: Path) -> None:
        self.process = process
        self.pid: int | None = None
        self.ready = False
        self.starts = 0
        self._log, self._authority = log, authority
        self._last_seen = "nothing yet"

    def advance(self) -> None:
        """Start it if its needs are met; if it runs, see whether it is ready."""
        try:
            if self.pid is None:
                for address in self.process.needs:
                    probe(address, self._authority)
                self._start()
            if self.process.ready and not self.ready:
                probe(self.process.ready, self._authority)
            self.ready = True
        except NotReady as seen:
            self._last_seen = str(seen)

    def _start(self) -> None:
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.starts += 1
        self.pid = os.posix_spawnp(
            self.process.command[0],
            self.process.command,
            {**os.environ, **self.process.environment},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self._log), append, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGCHLD),
        )

    def ended(self, status: int) -> ExitedError:
        """Take note that it ended (``status`` as from waitpid); it may be started again by ``advance``."""
        self.pid, self.ready = None, False
        code = os.waitstatus_to_exitcode(status)
        how = f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
        return ExitedError(f"{self.process.name} {how}:\n{self._tail()}")

    def late(self, seconds: float) -> NotReadyError:
        """The error for one that is not ready after ``seconds``."""
        awaited = self.process.ready if self.pid else ", ".join(self.process.needs)
        state = "not ready" if self.pid else "not started"
        text = f"{self.process.name} is {state} after {seconds:.0f} s; awaited {awaited}, last seen: {self._last_seen}"
        return NotReadyError(f"{text}\n{self._tail()}")

    def _tail(self) -> str:
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return f"{last_lines(text) or '    (it wrote nothing)'}\n    the whole log is in {self._log}"


def wait_until(check: Callable[[], None], seconds: float, awaited: str, every_seconds: float = 0.1) -> None:
    """Call ``check`` until it returns without ``NotReady``. Raises ``NotReadyError`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            check()
            return
        except NotReady as seen:
            if time.monotonic() > deadline:
                raise NotReadyError(f"{awaited}: not so after {seconds:.0f} s, last seen: {seen}") from None
        time.sleep(every_seconds)
