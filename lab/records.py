"""What of the lab exists on this machine and who owns it, kept in ``/run/eco2-lab``.

Everything is written down before it is made, so that whatever was half-made by a killed ``up`` is still known; and only
what is written down is ever removed.
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from lab.layout import RUN

WRITE_OWN_STAT = 'IFS= read -r stat </proc/self/stat && printf "%s\\n" "$stat" >"$0" && exec "$@"'
"""Shell program: write the process's own identity to file ``$0``, then become the program ``$@``. There is no moment at
which the program runs and is not recorded."""


@dataclass(frozen=True)
class Identity:
    """One process for certain: numbers are used again, a number with its start time is not."""

    pid: int
    started: int
    """Clock ticks after boot."""

    @classmethod
    def recorded(cls, file: Path) -> "Identity | None":
        """The process that wrote itself down in a file."""
        try:
            return parse_stat(file.read_text())[0]
        except (FileNotFoundError, ValueError):
            return None

    def alive(self) -> bool:
        """Whether exactly this process still runs. One that has ended and was not yet waited for does not."""
        try:
            found, state = parse_stat(Path(f"/proc/{self.pid}/stat").read_text())
        except (FileNotFoundError, ProcessLookupError):
            return False
        return found == self and state not in "ZX"


def parse_stat(text: str) -> tuple[Identity, str]:
    """Identity and state letter from a line of ``/proc/PID/stat``. Raises ``ValueError`` for an incomplete line."""
    before, bracket, after = text.rpartition(")")
    fields = after.split()
    if not bracket or len(fields) < 20:
        raise ValueError(f"not a line of /proc/PID/stat: {text!r}")
    return Identity(int(before.split(" ", 1)[0]), int(fields[19])), fields[0]


@dataclass(frozen=True, kw_only=True)
class Record:
    """The lab that exists, or partly exists."""

    checkout: str
    """Root of the working copy that owns it."""
    stack: str
    namespaces: tuple[str, ...] = ()
    """Network namespaces."""
    links: tuple[str, ...] = ()
    """Network interfaces of the machine."""
    nodes: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    """Directories outside of the lab's own that were made for it."""
    settings: dict[str, str] = field(default_factory=dict)
    """Kernel settings of the machine that were changed, with what they were before."""
    content: str = ""
    """Hash of what the nodes were started from. Empty until they all run."""

    def save(self) -> None:
        """Make this the record, atomically."""
        RUN.mkdir(parents=True, exist_ok=True)
        new = RUN / "lab.json.new"
        new.write_text(json.dumps(asdict(self), indent=1))
        new.replace(RUN / "lab.json")

    def with_content(self, content: str) -> "Record":
        """The same lab, completely started."""
        return replace(self, content=content)

    @classmethod
    def load(cls) -> "Record | None":
        """The record of the lab on this machine, if any."""
        try:
            values = json.loads((RUN / "lab.json").read_text())
        except FileNotFoundError:
            return None
        for name in ("namespaces", "links", "nodes", "directories"):
            values[name] = tuple(values[name])
        return cls(**values)

    def node_processes(self) -> dict[str, Identity]:
        """The first process of every node that runs."""
        found = {name: Identity.recorded(identity_file(name)) for name in self.nodes}
        return {name: identity for name, identity in found.items() if identity and identity.alive()}

    @staticmethod
    def clear() -> None:
        """Forget the lab."""
        shutil.rmtree(RUN, ignore_errors=True)


def run_directory(node: str) -> Path:
    """A node's directory below ``/run/eco2-lab``: sockets and the like."""
    return RUN / "nodes" / node


def identity_file(node: str) -> Path:
    """Where a node's first process writes itself down."""
    return run_directory(node) / "stat"


def exists(pid: int) -> bool:
    """Whether a process of this number runs at all."""
    return os.path.exists(f"/proc/{pid}")
