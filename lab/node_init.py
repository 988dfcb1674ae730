"""The first process of a node: starts the node's programs, starts again what dies, reaps orphans.

It is process 1 of the node's own process namespace. When it ends, however it ends, the kernel ends everything that
runs in the node, containers and their shims included: nothing has to be stopped one by one, and nothing can be left.

Run as ``python -m lab.node_init SPEC``, see ``lab.node``.
"""

import os
import signal
import sys
import time
from pathlib import Path

from lab import cgroups
from lab.commands import run
from lab.console import say
from lab.node import NodeSpec, State, Status
from lab.process import ExitedError, NotReadyError, RunningProcess

_START_SECONDS = 90
_RESTART_DELAY_SECONDS = 1.0
_POLL_SECONDS = 0.05
_NETWORK_SETTINGS = {
    "ipv4/ip_forward": "1",
    "bridge/bridge-nf-call-iptables": "1",
    # Every pod that NetworkPolicies refuse something is told so, not only the first few times in a second.
    "ipv4/icmp_ratelimit": "0",
}


class Supervisor:
    """Runs the programs of one node for ever."""

    def __init__(self, spec: NodeSpec) -> None:
        self._spec = spec
        self._running = [
            RunningProcess(process, spec.log / f"{spec.name}-{process.name}.log", spec.authority)
            for process in spec.processes
        ]

    def start(self) -> None:
        """Start everything. Raises the first failure; whatever was started ends with this process."""
        deadline = time.monotonic() + _START_SECONDS
        while waiting := [one for one in self._running if not one.ready]:
            if time.monotonic() > deadline:
                raise waiting[0].late(_START_SECONDS)
            for one in waiting:
                one.advance()
            for ended in self._reap():
                raise ended
            time.sleep(_POLL_SECONDS)

    def keep(self) -> None:
        """Start again what ends. Never returns."""
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        while True:
            signal.sigtimedwait([signal.SIGCHLD], _RESTART_DELAY_SECONDS)
            for ended in self._reap():
                say(str(ended))
                self._report()
                time.sleep(_RESTART_DELAY_SECONDS)
            for one in self._running:
                if not one.ready:
                    one.advance()

    def _report(self) -> None:
        again = {one.process.name: one.starts for one in self._running if one.starts > 1 or one.pid is None}
        Status(State.UP, f"ended and started again: {', '.join(again)}").write(self._spec.status)

    def _reap(self) -> list[ExitedError]:
        ended: list[ExitedError] = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ended
            if pid == 0:
                return ended
            ended += [one.ended(status) for one in self._running if one.pid == pid]


def prepare(spec: NodeSpec) -> None:
    """Make this process's surroundings the node's: control group, directories, kernel settings of its network."""
    cgroups.join(spec.name)
    for target, source in spec.private_directories.items():
        run(["mount", "--bind", source, target])
    for name, value in _NETWORK_SETTINGS.items():
        (Path("/proc/sys/net") / name).write_text(value)


def main(spec_file: str) -> int:
    """Be the node. Returns only when it could not start."""
    spec = NodeSpec.read(Path(spec_file))
    try:
        prepare(spec)
        supervisor = Supervisor(spec)
        supervisor.start()
    except (ExitedError, NotReadyError) as error:
        Status(State.FAILED, str(error)).write(spec.status)
        return 1
    except Exception as error:
        Status(State.FAILED, f"{type(error).__name__}: {error}").write(spec.status)
        raise
    Status(State.UP, "").write(spec.status)
    supervisor.keep()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
