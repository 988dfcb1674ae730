"""What befalls nodes: death as by a power cut, the start after it, and a network cable that is pulled."""

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lab import cgroups, network
from lab.commands import run
from lab.errors import LabError
from lab.layout import Checkout
from lab.node import NodeSpec, State
from lab.nodes import BRIDGE, Node, nodes_of
from lab.process import NotReadyError
from lab.records import Record, run_directory

_END_SECONDS = 30
_START_SECONDS = 120


def kill(checkout: Checkout, name: str) -> None:
    """End every process of a node at once. Nothing is told to anybody."""
    node, record = _of_running_lab(checkout, name)
    if name not in record.node_processes():
        raise LabError(f"node {name} does not run; start it with: python -m lab node start {name}")
    cgroups.kill([record.node_processes()[name].pid])
    deadline = time.monotonic() + _END_SECONDS
    while left := network.processes_in([node.namespace]):
        if time.monotonic() > deadline:
            raise LabError(f"these processes of node {name} do not end after {_END_SECONDS} s: {sorted(left)}")
        cgroups.kill(sorted(left))
        time.sleep(0.05)


def start(checkout: Checkout, name: str) -> None:
    """Start a dead node again, with its disks and without what it had in memory. Raises ``LabError``."""
    _, record = _of_running_lab(checkout, name)
    if name in record.node_processes():
        raise LabError(f"node {name} runs")
    spec_file = checkout.nodes / name / "spec.json"
    spec = NodeSpec.read(spec_file)
    _forget_memory(spec)
    spec.start(spec_file, checkout.root)
    deadline = time.monotonic() + _START_SECONDS
    while spec.check() is not State.UP:
        if time.monotonic() > deadline:
            raise NotReadyError(f"node {name} is not up after {_START_SECONDS} s")
        time.sleep(0.1)


def cut(checkout: Checkout, name: str) -> None:
    """Pull the node's cable: its processes run on, and no packet comes or goes."""
    node, _ = _of_running_lab(checkout, name)
    run(["ip", "link", "set", node.link, "nomaster"])


def heal(checkout: Checkout, name: str) -> None:
    """Put the cable back."""
    node, _ = _of_running_lab(checkout, name)
    run(["ip", "link", "set", node.link, "master", BRIDGE])


FAULTS: Mapping[str, Callable[[Checkout, str], None]] = {"kill": kill, "start": start, "cut": cut, "heal": heal}


def _of_running_lab(checkout: Checkout, name: str) -> tuple[Node, Record]:
    record = Record.load()
    if record is None or record.checkout != str(checkout.root):
        raise LabError("no lab of this checkout runs on this machine")
    nodes = {node.name: node for node in nodes_of(record.stack)}
    if name not in nodes:
        raise LabError(f"stack {record.stack} has no node {name!r}, only {', '.join(nodes)}")
    return nodes[name], record


def _forget_memory(spec: NodeSpec) -> None:
    """What lies below /run is gone after a power cut, and so is what the node last said of itself."""
    spec.status.unlink(missing_ok=True)
    (run_directory(spec.name) / "stat").unlink(missing_ok=True)
    for target, source in spec.private_directories.items():
        if target.startswith("/run/"):
            shutil.rmtree(source, ignore_errors=True)
            Path(source).mkdir(parents=True)
