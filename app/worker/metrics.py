"""What a worker counts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery.app.task import Context
from prometheus_client import Counter, Gauge, Histogram

from app.publishing import PUBLISHED_AT
from app.steps.running import Bury, Decision, Drop, PassOn, StepBack, TryAgain
from app.topology import ANSWER, TASKS

STARTED = Counter("scan_tasks_started_total", "Messages whose task was started.", ["task"])
ENDED = Counter("scan_tasks_ended_total", "Messages whose task has ended, by what was decided.", ["task", "end"])
BURIED = Counter("scan_messages_buried_total", "Messages that no task could be made of: they were dead-lettered.")
IN_FLIGHT = Gauge("scan_tasks_in_flight", "Tasks that run.", ["task"])
SECONDS = Histogram(
    "scan_task_seconds",
    "Time that a task took, until its outcome was stored.",
    ["task"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 2.5, 5, 7.5, 10, 15, 30, 60),
)
WAIT_SECONDS = Histogram(
    "scan_task_wait_seconds",
    "Time from a message's publishing to its task's start, of first tries.",
    ["task"],
    buckets=(0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 5, 30, 120),
)
SCANS = Counter("scans_finished_total", "Scans that were completed or failed here.", ["status"])

for _task in TASKS:
    # A series that begins with its first failure hides that one: nothing has increased.
    ENDED.labels(_task.name, "failed")

_OTHER_ENDS: dict[type[Decision], str] = {
    Drop: "dropped",
    StepBack: "stepped_back",
    TryAgain: "retried",
}


@contextmanager
def step_in_flight(task: str, request: Context) -> Iterator[None]:
    """Counts a task while its block runs."""
    STARTED.labels(task).inc()
    published_at = getattr(request, PUBLISHED_AT, None)
    if isinstance(published_at, int | float) and request.retries == 0:
        WAIT_SECONDS.labels(task).observe(max(0.0, time.time() - published_at))
    with IN_FLIGHT.labels(task).track_inprogress(), SECONDS.labels(task).time():
        yield


def observe_decision(task: str, decision: Decision) -> str:
    """Counts what became of a message, and of its scan if that has ended with it. The word for the former."""
    end = _end(decision)
    ENDED.labels(task, end).inc()
    match decision:
        case PassOn(is_news=True) if task == ANSWER.name:
            SCANS.labels("completed").inc()
        case Bury(is_news=True):
            SCANS.labels("failed").inc()
    return end


def _end(decision: Decision) -> str:
    match decision:
        case PassOn(is_news):
            return "succeeded" if is_news else "repeated"
        case Bury():
            return "failed"
        case _:
            return _OTHER_ENDS[type(decision)]
