"""The speed figures, measured in the lab: `make bench`, or `make bench ONLY=program,burst`.

Prints a table and writes .lab/bench.json: a list of {figure, value, unit, goal, note}. Loads are bounded in count and
time. The figures that need a lab take the one that is up, or bring one up and leave it.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from app import topology
from tests.cluster.clients import ROOT, Model, Scans, Shell, wait_for
from tests.cluster.environment import ENVIRONMENT, lab_stack
from tests.cluster.load import CONNECTIONS, at_rate, percentile
from tests.cluster.rewards import FLUSH_SECONDS, Arrivals, Rows, inserts, rows_per_insert, submit

RESULTS = ROOT / ".lab" / "bench.json"
PHOTO = ROOT / "tests" / "data" / "pet-bottle.jpg"
USER = {"X-User-ID": "bench"}
WAIT_METRIC = "scan_task_wait_seconds_bucket"


@dataclass(frozen=True)
class Figure:
    figure: str
    value: float
    unit: str
    goal: str
    note: str = ""


@dataclass(frozen=True)
class Scan:
    """One scan as its client saw it, in seconds since the POST began; ``done`` is None if it did not complete."""

    accepted: float
    done: float | None


def timed(run: Callable[[], object]) -> float:
    started = time.monotonic()
    run()
    return time.monotonic() - started


# --- the lab and the program -------------------------------------------------------------------------------------


def cold_up() -> Iterator[Figure]:
    """Everything from nothing but the registries: tools, images, cluster, stack. About 25 minutes on 2 cores."""
    with tempfile.TemporaryDirectory(prefix="eco2-cold-") as empty:
        caches = {"XDG_CACHE_HOME": f"{empty}/cache", "GOPATH": f"{empty}/go", "GOCACHE": f"{empty}/gocache"}
        make("down")
        yield Figure("make up, empty caches", timed(lambda: make("up", HOME=empty, **caches)), "s", "")
        subprocess.run(["chmod", "-R", "u+w", empty], check=True)  # Go makes its module cache read-only


def warm_up() -> Iterator[Figure]:
    """An empty machine with warm caches."""
    make("down")
    yield Figure("make up, warm caches", timed(lambda: make("up")), "s", "≤ 150 s")


def make(target: str, **environment: str) -> None:
    given = [f"{name}={value}" for name, value in environment.items()]
    subprocess.run(["env", *given, "make", target], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def program() -> Iterator[Figure]:
    """A preview and an up that have nothing to do."""
    stack = lab_stack()
    state = json.loads(stack.shell("pulumi", "stack", "export", f"--stack={stack.name}").stdout)
    resources = len(state["deployment"]["resources"])
    note = f"{resources} resources"
    yield Figure("pulumi preview, nothing to do", timed(lambda: stack.pulumi("preview")), "s", "≤ 10 s", note)
    up = timed(lambda: stack.pulumi("up", "--yes", "--skip-preview"))
    yield Figure("pulumi up, nothing to do", up, "s", "", note)


# --- the pipeline ------------------------------------------------------------------------------------------------


def steady() -> Iterator[Figure]:
    """20 scans a second for 20 s, with a quick model: what the product adds to the model's time."""
    vision, answer = 0.5, 1.0
    with lab_model(lab_stack().shell).set(vision_seconds=vision, answer_seconds=answer):
        before = waits()
        scans = asyncio.run(load(count=400, per_second=20))
        after = waits()
    note = "20 scans/s, 400 scans"
    yield from of_waits({bound: count - before.get(bound, 0.0) for bound, count in after.items()}, note)
    overheads = [(scan.done - vision - answer) * 1000 for scan in scans if scan.done is not None]
    yield Figure("completed of accepted", len(overheads) / len(scans) * 100, "%", "100 %", note)
    yield Figure("end to end minus model, p50", statistics.median(overheads), "ms", "", note)
    yield Figure("end to end minus model, p95", percentile(overheads, 0.95), "ms", "≤ 100 ms", note)
    yield Figure("POST, p99", percentile([scan.accepted * 1000 for scan in scans], 0.99), "ms", "", note)


def burst() -> Iterator[Figure]:
    """100 scans at once, with the model's usual times."""
    with lab_model(lab_stack().shell).set(vision_seconds=3.5, answer_seconds=7.0):
        started = time.monotonic()
        scans = asyncio.run(load(count=100, per_second=1000))
        seconds = time.monotonic() - started
    completed = sum(scan.done is not None for scan in scans)
    note = "100 scans at once, model 10.5 s"
    yield Figure("burst: completed", completed, "scans", "100", note)
    yield Figure("burst: time to the last", seconds, "s", "", note)


def rewards() -> Iterator[Figure]:
    """20 scans a second for 20 s, each of which earns something: how late it stands in PostgreSQL."""
    vision, answer, count, per_second = 0.5, 1.0, 400, 20
    shell = lab_stack().shell
    rows = Rows(shell, f"bench-{uuid.uuid4().hex[:12]}")
    before = inserts(shell)
    with (
        httpx.Client(base_url=shell.environment["API_URL"], timeout=30) as http,
        lab_model(shell).set(vision_seconds=vision, answer_seconds=answer),
        Arrivals(shell, rows) as arrivals,
    ):
        submit(Scans(http), rows, count, per_second)
        wait_for("all rows", lambda: len(rows.copies) == len(rows.ownerships) == count, 120, every_seconds=1)
    note = f"{per_second} scans/s, {count} scans, each with a reward"
    late = [seconds - vision - answer for seconds in arrivals.seconds(per_second)]
    goal = f"≤ {FLUSH_SECONDS + 1} s"
    yield Figure("POST → rows minus model, p50", statistics.median(late), "s", "", note)
    yield Figure("POST → rows minus model, p95", percentile(late, 0.95), "s", goal, note)
    for saver, per_statement in rows_per_insert(before, inserts(shell)).items():
        yield Figure(f"rows per INSERT, {saver[1]}", per_statement, "rows", "", note)


async def load(*, count: int, per_second: float) -> list[Scan]:
    """Posts photos at a rate and follows each scan by its event stream."""
    photo = PHOTO.read_bytes()
    base_url = lab_stack().shell.environment["API_URL"]
    async with httpx.AsyncClient(base_url=base_url, limits=CONNECTIONS, timeout=90) as http:

        async def one(_: int) -> Scan:
            started = time.monotonic()
            answer = await http.post("/classify/async", files={"image": ("photo.jpg", photo)}, headers=USER)
            answer.raise_for_status()
            accepted = time.monotonic() - started
            last = ""
            async with http.stream("GET", answer.json()["events_url"]) as events:
                async for line in events.aiter_lines():
                    last = line if line.startswith("data:") else last
            completed = json.loads(last.removeprefix("data:"))["status"] == "completed"
            return Scan(accepted, time.monotonic() - started if completed else None)

        return await at_rate(count, per_second, one)


def lab_model(shell: Shell) -> Model:
    return Model(httpx.Client(base_url=f"http://{shell.cluster_ip('model', 'model')}:8000", timeout=30))


def waits() -> dict[float, float]:
    """How many first tasks waited at most so long (seconds), over all workers."""
    shell = lab_stack().shell
    counts: dict[float, float] = {}
    for pod in shell.ready_pods("scan", "scan-worker"):
        text = httpx.get(f"http://{pod['status']['podIP']}:9000/metrics").text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == WAIT_METRIC and sample.labels["task"] == topology.VISION.name:
                    bound = float(sample.labels["le"])
                    counts[bound] = counts.get(bound, 0.0) + sample.value
    return counts


def of_waits(counts: dict[float, float], note: str) -> Iterator[Figure]:
    for share, goal in ((0.5, ""), (0.99, "≤ 50 ms")):
        bound = min(bound for bound, count in counts.items() if count >= share * max(counts.values()))
        yield Figure(f"publish → task start, p{share * 100:.0f} at most", bound * 1000, "ms", goal, note)


FIGURES: dict[str, Callable[[], Iterator[Figure]]] = {
    "warm-up": warm_up,
    "program": program,
    "steady": steady,
    "burst": burst,
    "rewards": rewards,
    "cold-up": cold_up,
}
BRING_THE_LAB_UP = ("warm-up", "cold-up")
BY_DEFAULT = ("warm-up", "program", "steady", "burst", "rewards")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ONLY=", description=__doc__)
    parser.add_argument("only", nargs="?", default=",".join(BY_DEFAULT), help=f"any of {', '.join(FIGURES)}")
    chosen = parser.parse_args().only.split(",")
    if unknown := set(chosen) - set(FIGURES):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    for name in chosen:
        if name not in BRING_THE_LAB_UP and not ENVIRONMENT.exists():
            make("up")
        sys.stderr.write(f"measuring {name} …\n")
        for figure in FIGURES[name]():
            show(figure)
            keep(figure)


def keep(figure: Figure) -> None:
    """In the place of the same figure's last value; what was not measured this time stays."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    by_name = {each["figure"]: each for each in [*kept, asdict(figure)]}
    RESULTS.write_text(json.dumps(list(by_name.values()), indent=1, ensure_ascii=False))


def show(figure: Figure) -> None:
    sys.stdout.write(f"{figure.figure:38} {figure.value:9.1f} {figure.unit:6} {figure.goal:10} {figure.note}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
