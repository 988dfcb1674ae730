"""Runs one fault under a steady load and counts what became of every scan."""

import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.clients import PATIENCE_SECONDS, Scan
from tests.chaos.faults import FAULTS, Times
from tests.chaos.result import Result, summarised
from tests.cluster.clients import ROOT, Model, wait_for
from tests.cluster.outages import Lab
from tests.cluster.rewards import FLUSH_SECONDS, Rows

BEFORE_SECONDS = 3
AFTER_SECONDS = 5
REWARD_SECONDS = 240
"""A reward that failed thrice waits for its ladder (60 s), or for the next replay of dead letters."""
MODEL_SECONDS = 0.5
"""Each of the two calls: a scan takes a second of the model's time."""


@dataclass
class Clients:
    """The clients' process, and after the block what they saw."""

    url: str
    per_second: float
    users: str

    @contextmanager
    def running(self) -> Iterator[list[Scan]]:
        scans: list[Scan] = []
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "scans"
            command = [sys.executable, "-m", "tests.chaos.clients", self.url, f"--rate={self.per_second}"]
            command += [f"--users={self.users}", f"--output={output}"]
            with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
                yield scans
                assert process.stdin is not None
                process.stdin.close()
                assert process.wait(PATIENCE_SECONDS + 60) == 0, "the clients' process has failed"
            scans += [Scan(**json.loads(line)) for line in output.read_text().splitlines()]


def run(name: str, lab: Lab, model: Model, times: Times, per_second: float) -> tuple[Result, list[Scan]]:
    """Strikes when the load has run for a moment, and lets it run on until everything is well again.

    Raises AssertionError when that does not come to be.
    """
    rows = Rows(lab.shell, f"chaos-{uuid.uuid4().hex[:12]}")
    clients = Clients(lab.shell.environment["API_URL"], per_second, rows.prefix)
    seconds = {"vision_seconds": MODEL_SECONDS, "answer_seconds": MODEL_SECONDS}
    with model.set(**seconds, fault=None), clients.running() as scans:
        time.sleep(BEFORE_SECONDS)
        begun = time.monotonic()
        FAULTS[name].strike(lab, times)
        lab.wait_until_well()
        recovered_s = time.monotonic() - begun
        time.sleep(AFTER_SECONDS)
    completed = sum(scan.state == "completed" for scan in scans)
    return summarised(name, scans, duplicates(rows, completed), recovered_s), scans


def duplicates(rows: Rows, completed: int) -> int:
    """How many rewards were granted or kept more than once. Each user scanned once, so each has one row a table.

    Raises AssertionError when a completed scan has not been rewarded in time: that would be a lost reward.
    """
    wait_for(
        f"rewards of {completed} completed scans",
        lambda: len(set(rows.granted)) >= completed and rows.are_whole(),
        REWARD_SECONDS,
        every_seconds=1,
    )
    time.sleep(FLUSH_SECONDS + 1)
    counted = [
        Counter(pair.partition("|")[0] for pair in table) for table in (rows.granted, rows.ownerships, rows.copies)
    ]
    return sum(count - 1 for table in counted for count in table.values())
