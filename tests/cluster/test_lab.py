"""The lab itself: it leaves nothing behind and recovers from anything. Last, because it takes the cluster down."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.cluster.clients import ROOT, Scans, Shell

LAB = [sys.executable, "-m", "lab"]
RECORD = Path("/run/eco2-lab")


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def lab_processes() -> list[int]:
    """Every process that was started for the lab: its command names the lab's folder, or it runs in a node."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            cgroup = (entry / "cgroup").read_text()
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "eco2n" in cgroup or f"{ROOT}/.lab/" in command:
            found.append(int(entry.name))
    return found


def traces() -> dict[str, list[str]]:
    def lines(text: str, *marks: str) -> list[str]:
        return [line for line in text.splitlines() if any(mark in line for mark in marks)]

    return {
        "processes": [str(pid) for pid in lab_processes()],
        "mounts": lines(Path("/proc/self/mountinfo").read_text(), ".lab/", "eco2"),
        "namespaces": lines(run("ip", "netns", "list"), "eco2"),
        "links": lines(run("ip", "-brief", "link"), "eco2"),
        "routes": lines(run("ip", "route", "show", "table", "all"), "10.89.", "10.244.", "10.96."),
        "rules": lines(run("nft", "list", "tables"), "eco2"),
        "cgroups": [str(path) for path in Path("/sys/fs/cgroup").glob("*/eco2*")],
        "record": [str(path) for path in RECORD.glob("*")],
    }


def test_up_recovers_after_everything_was_killed(shell: Shell, scans: Scans, photo: Path) -> None:
    for pid in lab_processes():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    subprocess.run([*LAB, "up", "--stack=dev"], cwd=ROOT, check=True)
    assert scans.finish(scans.submit(photo), timeout_seconds=120)["status"] == "completed"


def test_down_leaves_nothing(shell: Shell) -> None:
    subprocess.run([*LAB, "down"], cwd=ROOT, check=True)
    left = {kind: found for kind, found in traces().items() if found}
    assert not left, json.dumps(left, indent=1)
