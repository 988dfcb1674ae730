"""One control group a node, in every hierarchy that the machine has; the kubelet makes the pods' groups below it."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError

GROUP = "eco2-lab"
_DAEMONS = "daemons"
_INHERITED_BY_HAND = ("cpuset.cpus", "cpuset.mems")
"""Files that a new v1 group has empty, so that no process can join it."""
_REMOVAL_SECONDS = 20
_MOUNTS = Path("/proc/mounts")


def hierarchies(mounts: str) -> list[Path]:
    """Mount points of the control group hierarchies with controllers, by the lines of ``/proc/mounts``."""
    return _mounted(mounts, "cgroup") or _mounted(mounts, "cgroup2")


def all_hierarchies(mounts: str) -> list[Path]:
    """Mount points of all control group hierarchies. Kubelet and runc make groups in every one."""
    return _mounted(mounts, "cgroup") + _mounted(mounts, "cgroup2")


def kubelet_root(node: str) -> str:
    """The group that the kubelet gets, as it writes it."""
    return f"/{GROUP}/{node}"


def create(node: str) -> None:
    """Make a node's groups: one for the kubelet's pods, and below it one for the node's own daemons."""
    for hierarchy in hierarchies(_MOUNTS.read_text()):
        path = hierarchy
        for name in (GROUP, node, _DAEMONS):
            if path != hierarchy:
                _delegate(path)
            path = path / name
            path.mkdir(exist_ok=True)
            for file in _INHERITED_BY_HAND:
                if (path / file).exists():
                    (path / file).write_text((path.parent / file).read_text())


def join(node: str) -> None:
    """Move the calling process, with all that it will start, into the node's group."""
    for hierarchy in hierarchies(_MOUNTS.read_text()):
        (hierarchy / GROUP / node / _DAEMONS / "cgroup.procs").write_text("0")


def processes() -> set[int]:
    """Every process in the lab's groups."""
    found: set[int] = set()
    for root in _roots():
        for file in root.rglob("cgroup.procs"):
            try:
                found.update(int(pid) for pid in file.read_text().split())
            except FileNotFoundError:
                continue
    return found - {0}


def remove() -> None:
    """Remove all groups of the lab; each must be empty or empty soon."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while left := _roots():
        for path in left:
            _remove_tree(path)
        if time.monotonic() > deadline:
            raise LabError(f"{left[0]} is still not empty after {_REMOVAL_SECONDS} s: processes {sorted(processes())}")
        time.sleep(0.05)


def kill(pids: Sequence[int]) -> None:
    """Kill processes; those that have just ended are no error."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _roots() -> list[Path]:
    """The lab's own group in each hierarchy that has one."""
    roots = [hierarchy / GROUP for hierarchy in all_hierarchies(_MOUNTS.read_text())]
    return [root for root in roots if root.exists()]


def _mounted(mounts: str, kind: str) -> list[Path]:
    fields = [line.split() for line in mounts.splitlines()]
    return [Path(entry[1]) for entry in fields if entry[2] == kind]


def _delegate(path: Path) -> None:
    """Version 2 only: let groups below have the same controllers."""
    available = path / "cgroup.controllers"
    if available.exists():
        (path / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in available.read_text().split()))


def _remove_tree(path: Path) -> None:
    for directory in sorted((entry for entry in path.rglob("*") if entry.is_dir()), reverse=True):
        _remove(directory)
    _remove(path)


def _remove(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        return
