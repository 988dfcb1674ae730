"""Runs other programs: output kept for the error, children ended when the lab is interrupted."""

import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import LabError

_TAIL_LINES = 20
_GRACE_SECONDS = 10

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_over = threading.Event()


class CommandError(LabError):
    """A program ended with another code than 0, or took too long."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output
        """All that it had printed on stdout."""


def run(
    command: Sequence[str | Path],
    *,
    stdin: str | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_seconds: float | None = None,
    interruptible: bool = True,
) -> str:
    """Run a program to its end and return what it printed on stdout.

    ``environment`` is added to the lab's own. A program that must not be cut off in the middle (a package manager) is
    run with ``interruptible=False``: an interruption then waits for it.

    Raises ``CommandError`` with the last lines of its output.
    """
    words = [str(word) for word in command]
    if _over.is_set():
        raise CommandError(f"{shlex.join(words)}: not started, the lab's command is over")
    child = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    if interruptible:
        with _lock:
            _running.add(child)
    try:
        out, err = child.communicate(None if stdin is None else stdin.encode(), timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        _end(child)
        raise CommandError(f"{shlex.join(words)}: no end after {timeout_seconds:.0f} s") from None
    finally:
        with _lock:
            _running.discard(child)
    if child.returncode != 0:
        raise CommandError(_failure(words, child.returncode, err + out), out.decode(errors="replace"))
    return out.decode(errors="replace")


def succeeds(command: Sequence[str | Path]) -> bool:
    """Whether a program ends with code 0."""
    try:
        run(command)
    except CommandError:
        return False
    return True


def end_all() -> None:
    """End every interruptible program that is still running, with its children; let no other one start."""
    _over.set()
    with _lock:
        children = list(_running)
    for child in children:
        _end(child)


def last_lines(text: str, count: int = _TAIL_LINES) -> str:
    """The end of a program's output, indented to stand below an error."""
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines()[-count:])


def _failure(words: Sequence[str], code: int, output: bytes) -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
    shown = shlex.join(words)
    shown = shown if len(shown) <= 300 else shown[:300] + " ..."
    return f"{shown} {how}:\n{last_lines(output.decode(errors='replace'))}"


def _end(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < deadline:
            if child.poll() is not None:
                return
            time.sleep(0.05)
