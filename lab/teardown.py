"""Takes the lab away: everything that the record names, and nothing else.

Standard library only, like all that this imports: a lab can be taken down without the project's environment.
"""

import shutil
import time
from pathlib import Path

from lab import cgroups, network
from lab.commands import succeeds
from lab.console import say
from lab.errors import LabError
from lab.layout import Checkout
from lab.lock import exclusive
from lab.records import Record

_KILL_SECONDS = 30


def down() -> None:
    """Take the lab of this machine away, whichever checkout it belongs to."""
    with exclusive():
        record = Record.load()
        if record is None:
            say("no lab on this machine")
            return
        take_down(record)
        say(f"the lab of {record.checkout} is gone")


def take_down(record: Record) -> None:
    """Remove a lab in whatever state it is. What is gone already is no error."""
    kill_processes(record)
    network.tear_down(record.links, record.namespaces)
    cgroups.remove()
    for name, value in record.settings.items():
        (Path("/proc/sys") / name).write_text(value)
    remove_data(Checkout(Path(record.checkout)))
    for directory in reversed(record.directories):
        remove_directory(Path(directory))
    record.clear()


def kill_processes(record: Record) -> None:
    """Kill the nodes, then whatever else is in the lab's namespaces or control groups, and wait for their end."""
    cgroups.kill([identity.pid for identity in record.node_processes().values()])
    deadline = time.monotonic() + _KILL_SECONDS
    while left := cgroups.processes() | network.processes_in(record.namespaces):
        if time.monotonic() > deadline:
            raise LabError(f"these processes of the lab do not end after {_KILL_SECONDS} s: {sorted(left)}")
        cgroups.kill(sorted(left))
        time.sleep(0.05)


def remove_data(checkout: Checkout) -> None:
    """Delete everything of the lab in its checkout that means nothing without it. Logs and results stay."""
    for directory in (checkout.nodes, checkout.pki, checkout.manifests, checkout.backend, checkout.programs):
        shutil.rmtree(directory, ignore_errors=True)
    files = [checkout.kubeconfig, checkout.environment, checkout.passphrase]
    for file in [*files, *checkout.scratch.glob("Pulumi.*.yaml")]:
        file.unlink(missing_ok=True)


def remove_directory(directory: Path) -> None:
    """Remove a directory that was made for the lab, unless others use it by now."""
    if not directory.is_dir() or any(directory.iterdir()):
        return
    # `ip netns` mounts its directory onto itself, which no comparison of device numbers shows.
    succeeds(["umount", directory])
    directory.rmdir()


def clean_leftovers() -> None:
    """Take away a lab of which no node lives any more, whoever owned it."""
    record = Record.load()
    if record is not None and not record.node_processes():
        say("cleaning up after a lab that did not end by itself")
        take_down(record)
