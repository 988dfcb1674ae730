"""Faults at exact points of a scan, for tests. Off unless ``FAULT_HOOKS`` is set, which no stack does.

The address of a scan's picture says what is to happen: ``?fault=<point>&action=<action>&times=<n>``. Nothing in the
product's own code knows these points: they lie around the steps' store and the publishing.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from celery import Celery, signals
from redis import Redis

from app.state.record import task_key
from app.state.steps import Change, Ending, Lease, StepStore
from app.steps.step import Outcome, ScanStep, Stored
from app.topology import Task

KILLED = 128 + 9
"""The exit code of a container that SIGKILL has ended."""

_PAUSE_SECONDS_MAX = 120
_SOON_SECONDS = 0.5


class Point(StrEnum):
    """Where a process can be struck. Points of a step are written ``<step>.<point>``."""

    RELAYED = "relayed"
    """The API: the scan is published, and its entry still in the outbox."""
    BEGUN = "begun"
    """A step has its lease and begins."""
    ANSWERED = "answered"
    """A step has its output, which is not stored."""
    STORED = "stored"
    """The output is stored, and the next link not published."""
    RELEASED = "released"
    """A step has failed, and its retry is not published."""
    PUBLISHED = "published"
    """The next link, or the retry, is published, and the message not acknowledged."""


class Action(StrEnum):
    KILL = "kill"
    """The process ends as if by SIGKILL, which a container's first process does not hear from within."""
    KILL_SOON = "kill_soon"
    """The same half a second later, in the middle of what comes next."""
    KILL_LATE = "kill_late"
    """The same after half a second in which nothing else happens: a client has had its answer."""
    PAUSE = "pause"
    """Waits until the key ``fault-go:<scan>`` exists, two minutes at most."""


class Faults:
    """Strikes scans as their addresses say. ``fault-seen:<scan>:<point>`` in Redis counts how often."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def reach(self, scan_id: str, point: str) -> None:
        """To be called where a scan gets to ``point``."""
        address = self._redis.hget(task_key(scan_id), "image_url")
        order = parse_qs(urlsplit(address.decode() if isinstance(address, bytes) else "").query)
        if order.get("fault") != [point]:
            return
        seen = int(self._redis.incr(f"fault-seen:{scan_id}:{point}"))
        if seen <= int(order.get("times", ["1"])[0]):
            self._strike(Action(order["action"][0]), scan_id)

    def _strike(self, action: Action, scan_id: str) -> None:
        match action:
            case Action.KILL:
                os._exit(KILLED)
            case Action.KILL_SOON:
                threading.Timer(_SOON_SECONDS, os._exit, (KILLED,)).start()
            case Action.KILL_LATE:
                time.sleep(_SOON_SECONDS)
                os._exit(KILLED)
            case Action.PAUSE:
                end = time.monotonic() + _PAUSE_SECONDS_MAX
                while not self._redis.exists(f"fault-go:{scan_id}") and time.monotonic() < end:
                    time.sleep(0.05)

    def around(self, publish: Callable[[str], object]) -> Callable[[str], object]:
        """``publish`` with the point after it."""

        def publish_and_reach(scan_id: str) -> None:
            publish(scan_id)
            self.reach(scan_id, Point.RELAYED)

        return publish_and_reach

    def around_steps(
        self, celery: Celery, steps: Mapping[Task, ScanStep], *, owner: str, ttl_seconds: int
    ) -> tuple[dict[Task, ScanStep], StepStore]:
        """``steps`` and their store with the points of steps. Also listens to what ``celery``'s tasks publish."""
        names = {task.name: step.step for task, step in steps.items()}

        def published(**_: Any) -> None:
            if (task := celery.current_worker_task) is not None:
                self.reach(task.request.args[0], f"{names[task.name]}.{Point.PUBLISHED}")

        signals.after_task_publish.connect(published, weak=False)
        store = FaultySteps(self._redis, self, owner=owner, ttl_seconds=ttl_seconds)
        return {task: FaultyStep(step, self) for task, step in steps.items()}, store


class FaultyStep:
    """A step with points before and after it."""

    def __init__(self, step: ScanStep, faults: Faults) -> None:
        self.step = step.step
        self.progress = step.progress
        self.hands_over_output = step.hands_over_output
        self._run = step.run
        self._faults = faults

    def run(self, task_id: str, stored: Stored) -> Outcome:
        self._faults.reach(task_id, f"{self.step}.{Point.BEGUN}")
        outcome = self._run(task_id, stored)
        self._faults.reach(task_id, f"{self.step}.{Point.ANSWERED}")
        return outcome


class FaultySteps(StepStore):
    """The steps' store with points after its calls."""

    def __init__(self, redis: Redis, faults: Faults, **options: Any) -> None:
        super().__init__(redis, **options)
        self._faults = faults

    def finish(
        self, lease: Lease, output: Mapping[str, Any], changes: Sequence[Change], *, drops_photo: bool = False
    ) -> Ending:
        ending = super().finish(lease, output, changes, drops_photo=drops_photo)
        self._reach(lease, Point.STORED)
        return ending

    def release(self, lease: Lease) -> None:
        super().release(lease)
        self._reach(lease, Point.RELEASED)

    def _reach(self, lease: Lease, point: Point) -> None:
        self._faults.reach(lease.task_id, f"{lease.step}.{point}")
