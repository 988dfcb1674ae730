"""The lab's processes as the machine sees them: all of them, or those of one pod."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LAB = "/eco2-lab/"
"""Stands in the control group of every process of a node."""


def in_control_group(mark: str) -> list[int]:
    """The processes whose control group has ``mark`` in its path; a pod's has the pod's UID."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if mark in (entry / "cgroup").read_text():
                found.append(int(entry.name))
    return found


def running(program: str, mark: str) -> list[int]:
    """Those of them that run ``program``. There must be one."""
    found = []
    for pid in in_control_group(mark):
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == program:
                found.append(pid)
    assert found, f"no {program} runs in {mark}"
    return found


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """Stopped within the block, as by a node that hangs: connections stay, nothing answers."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def memory_within(growth_bytes: int, pids: list[int]) -> Iterator[None]:
    """None of these processes ends, or at any moment of the block takes so much more memory than at its start."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
    before = {pid: _peak_bytes(pid) for pid in pids}
    yield
    growth = {pid: _peak_bytes(pid) - before[pid] for pid in pids}
    assert max(growth.values()) < growth_bytes, f"bytes by process: {growth}"


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def kill(pids: list[int]) -> None:
    """SIGKILL, from outside: a container's first process cannot be killed from within it."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
