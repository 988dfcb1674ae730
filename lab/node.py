"""A node as the machine sees it: what it is told to run, its start, and what became of it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from lab.commands import last_lines
from lab.errors import LabError
from lab.network import NAMED_NAMESPACES
from lab.process import Process
from lab.records import WRITE_OWN_STAT, Identity, identity_file

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class State(StrEnum):
    """How far a node has come."""

    STARTING = "starting"
    UP = "up"
    FAILED = "failed"


@dataclass(frozen=True)
class Status:
    """What a node's first process says of it."""

    state: State
    message: str

    def write(self, file: Path) -> None:
        """Publish it, atomically."""
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)))
        new.replace(file)

    @classmethod
    def read(cls, file: Path) -> "Status":
        """The last one published; a node that has said nothing yet is starting."""
        try:
            values = json.loads(file.read_text())
        except FileNotFoundError:
            return cls(State.STARTING, "")
        return cls(State(values["state"]), values["message"])


@dataclass(frozen=True, kw_only=True)
class NodeSpec:
    """Everything that a node's first process needs to know."""

    name: str
    namespace: str
    """The network namespace that it runs in."""
    processes: tuple[Process, ...]
    private_directories: Mapping[str, str]
    """Directory as the programs know it → directory that is mounted there."""
    search_path: str
    """Directories of programs that the node's programs start by name, before the system's own."""
    authority: Path
    """The cluster's certificate authority."""
    log: Path
    """Directory of the log files."""
    status: Path
    """The file in which the node's ``Status`` stands."""

    def write(self, file: Path) -> None:
        """Store it for ``read``."""
        file.write_text(json.dumps(asdict(self), indent=1, default=str))

    @classmethod
    def read(cls, file: Path) -> "NodeSpec":
        """The spec in a file."""
        values = json.loads(file.read_text())
        for name in ("authority", "log", "status"):
            values[name] = Path(values[name])
        values["processes"] = tuple(
            Process(**{**one, "command": tuple(one["command"]), "needs": tuple(one["needs"])})
            for one in values["processes"]
        )
        return cls(**values)

    def start(self, file: Path, sources: Path) -> None:
        """Write the spec to ``file`` and start the node, out of reach of this terminal. Does not wait.

        ``sources`` is the checkout's root, from which the node's first process is run.
        """
        self.write(file)
        namespaces = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "slave")
        with self._init_log.open("ab") as log:
            subprocess.Popen(
                [
                    *("sh", "-c", WRITE_OWN_STAT, identity_file(self.name)),
                    *("nsenter", f"--net={NAMED_NAMESPACES / self.namespace}"),
                    *("unshare", *namespaces, sys.executable, "-m", "lab.node_init", file),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=sources,
                env={"PATH": f"{self.search_path}:{_SYSTEM_PATH}", "HOME": os.environ.get("HOME", "/root")},
                start_new_session=True,
            )

    def check(self) -> State:
        """The node's state. Raises ``LabError`` with its own words when it has failed or is gone."""
        status = Status.read(self.status)
        if status.state is State.FAILED:
            raise LabError(f"node {self.name}: {status.message}")
        identity = Identity.recorded(identity_file(self.name))
        if identity is not None and not identity.alive():
            wrote = last_lines(self._init_log.read_text(errors="replace"))
            raise LabError(f"node {self.name} ended:\n{wrote}")
        return status.state

    @property
    def _init_log(self) -> Path:
        return self.log / f"{self.name}.log"
