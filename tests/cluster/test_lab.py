"""The lab itself: it leaves nothing behind and recovers from anything. Last, because it takes the cluster down."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.cluster.clients import ROOT, Scans, Shell, wait_for
from tests.cluster.environment import read_environment
from tests.cluster.processes import LAB as LAB_PROCESSES
from tests.cluster.processes import in_control_group, kill

LAB = [sys.executable, "-m", "lab"]
RECORD = Path("/run/eco2-lab")
INTERRUPTIBLE = ["env", "--default-signal=INT"]
"""What runs in a shell's background ignores Ctrl-C, and so would all that it starts."""
MIDDLE_OF_THE_DEPLOYMENT_SECONDS = 15


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def traces() -> dict[str, list[str]]:
    def lines(text: str, *marks: str) -> list[str]:
        return [line for line in text.splitlines() if any(mark in line for mark in marks)]

    return {
        "processes": [str(pid) for pid in in_control_group(LAB_PROCESSES)],
        "mounts": lines(Path("/proc/self/mountinfo").read_text(), "/.lab/", "eco2-lab"),
        "namespaces": lines(run("ip", "netns", "list"), "eco2"),
        "links": lines(run("ip", "-brief", "link"), "eco2"),
        "routes": lines(run("ip", "route", "show", "table", "all"), "10.89.", "10.244.", "10.96."),
        "rules": lines(run("nft", "list", "tables"), "eco2"),
        "cgroups": [str(path) for path in Path("/sys/fs/cgroup").glob("*/eco2*")],
        "record": [str(path) for path in RECORD.glob("*")],
    }


def test_up_recovers_after_everything_was_killed_and_an_interruption(shell: Shell, photo: Path, tmp_path: Path) -> None:
    kill(in_control_group(LAB_PROCESSES))
    up = [*LAB, "up", "--stack=dev"]
    output = tmp_path / "output"
    with output.open("w") as file, subprocess.Popen([*INTERRUPTIBLE, *up], cwd=ROOT, stdout=file) as interrupted:
        wait_for("the stack's turn", lambda: "Updating (dev)" in output.read_text(), 120)
        time.sleep(MIDDLE_OF_THE_DEPLOYMENT_SECONDS)
        interrupted.send_signal(signal.SIGINT)
    assert interrupted.returncode != 0, "an interrupted up must not look like a finished one"

    subprocess.run(up, cwd=ROOT, check=True)

    with httpx.Client(base_url=read_environment()["API_URL"], timeout=30) as http:
        scans = Scans(http)
        assert scans.finish(scans.submit(photo), timeout_seconds=120)["status"] == "completed"


def test_down_leaves_nothing(shell: Shell) -> None:
    subprocess.run([*LAB, "down"], cwd=ROOT, check=True)
    left = {kind: found for kind, found in traces().items() if found}
    assert not left, json.dumps(left, indent=1)
