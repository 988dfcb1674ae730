"""The worker's side of the state: leases on steps, their stored outputs, and the changes that they make to a record."""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from redis import ConnectionError, Redis, TimeoutError

from app.state import scripts
from app.state.record import QUARANTINE, Step, photo_key, step_key, task_key, worker_key

LEASE_SECONDS = 120
"""Above the longest step (a model call of 60 s): for a thread that hangs while its process shows signs of life."""

SIGN_OF_LIFE_SECONDS = 6
"""A process that shows none for so long has lost its leases. Six times the interval at which it shows them."""

SUSPICIOUS_LOSSES = 2
"""A step that so many workers were lost with may be what kills them, or just one of the many that they had in hand.
Such steps start one by one, ``QUARANTINE_SECONDS`` apart, so that a killer hardly ever takes others along."""

QUARANTINE_SECONDS = 0.5

_OUTPUT_PATIENCE_SECONDS = 15
_PAUSE_SECONDS = 0.5
"""For so long, and so far apart, a step's output is offered to a Redis that does not answer: it may have cost a model
call, which would be made again. Redis itself stands still for seconds when its disk does."""

Change = Mapping[str, str | int]
"""Fields of a record and their new values; ``partial_result``, ``result``, ``reward`` and ``error`` are JSON texts."""


class Beginning(StrEnum):
    """What a copy of a step's message finds. The values are the script's answers."""

    BEGUN = "begun"
    """The lease is the caller's."""
    BUSY = "busy"
    """Another copy runs."""
    SUSPECT = "suspect"
    """Workers were lost with this step, and another such step has just started."""
    DONE = "done"
    """The output is stored."""
    FAILED = "failed"
    """The scan has failed for good."""
    GONE = "gone"
    """The record has expired."""


class Ending(StrEnum):
    """What became of a step's output or failure. The values are the scripts' answers."""

    STORED = "stored"
    FAILED = "failed"
    FINAL = "final"
    LOST = "lost"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right to run a step of a scan.

    ``fence`` grows with each lease: who has an older one can store nothing. ``losses`` counts the worker processes that
    ended while they ran the step.
    """

    task_id: str
    step: Step
    fence: int
    losses: int = 0


@dataclass(frozen=True, kw_only=True)
class ScanInput:
    """What ``user`` gave: a photo (JPEG) or an address, and perhaps a text. Without either the input has expired."""

    user: str
    photo: bytes | None
    image_url: str | None
    user_input: str | None


class StepStore:
    """Steps in Redis, for threads. All calls raise ``redis.RedisError`` when Redis is away or full."""

    def __init__(self, redis: Redis, *, owner: str, ttl_seconds: int) -> None:
        self._redis = redis
        self._owner = owner
        self._ttl_seconds = ttl_seconds
        self._lock = threading.Lock()
        self._running: set[tuple[str, Step]] = set()
        self._begin = redis.register_script(scripts.BEGIN)
        self._finish = redis.register_script(scripts.FINISH)
        self._release = redis.register_script(scripts.RELEASE)
        self._fail = redis.register_script(scripts.FAIL)

    def begin(self, task_id: str, step: Step, progress: int) -> Lease | Beginning:
        """Takes the step's lease and shows the step in the record, or says why not. A lease is to be ``end``ed."""
        with self._lock:
            if (task_id, step) in self._running:
                return Beginning.BUSY
            self._running.add((task_id, step))
        try:
            lease = self._take_lease(task_id, step, progress)
        except BaseException:
            self._forget(task_id, step)
            raise
        if isinstance(lease, Beginning):
            self._forget(task_id, step)
        return lease

    def end(self, lease: Lease) -> None:
        """The caller is done with the step, whether or not it could tell Redis so."""
        self._forget(lease.task_id, lease.step)

    def _forget(self, task_id: str, step: Step) -> None:
        with self._lock:
            self._running.discard((task_id, step))

    def _take_lease(self, task_id: str, step: Step, progress: int) -> Lease | Beginning:
        answer = self._begin(
            keys=[task_key(task_id), step_key(task_id, step), QUARANTINE],
            args=[
                self._owner,
                LEASE_SECONDS * 1000,
                self._ttl_seconds,
                step,
                progress,
                SUSPICIOUS_LOSSES,
                int(QUARANTINE_SECONDS * 1000),
            ],
        )
        beginning = Beginning(answer[0].decode())
        if beginning is Beginning.BEGUN:
            return Lease(task_id=task_id, step=step, fence=int(answer[1]), losses=int(answer[2]))
        return beginning

    def finish(
        self, lease: Lease, output: Mapping[str, Any], changes: Sequence[Change], *, drops_photo: bool = False
    ) -> Ending:
        """Stores the step's output and makes the changes that come with it, if the lease is still the caller's.

        A Redis that is away for a moment is asked again: the script gives a repeated call the same answer.
        """
        keys = [task_key(lease.task_id), step_key(lease.task_id, lease.step), photo_key(lease.task_id)]
        args: list[str | int] = [
            lease.fence,
            json.dumps(output, ensure_ascii=False),
            self._ttl_seconds,
            json.dumps(list(changes), ensure_ascii=False),
            "1" if drops_photo else "",
        ]
        give_up = time.monotonic() + _OUTPUT_PATIENCE_SECONDS
        while True:
            try:
                return Ending(self._finish(keys=keys, args=args).decode())
            except (ConnectionError, TimeoutError):
                if time.monotonic() > give_up:
                    raise
                time.sleep(_PAUSE_SECONDS)

    def release(self, lease: Lease) -> None:
        """Gives the lease back without an output, for the next try."""
        self._release(keys=[step_key(lease.task_id, lease.step)], args=[lease.fence])

    def fail(self, lease: Lease, error: Mapping[str, str]) -> Ending:
        """Fails the scan, if the lease is still the caller's."""
        answer = self._fail(
            keys=[task_key(lease.task_id), step_key(lease.task_id, lease.step)],
            args=[lease.fence, json.dumps(error, ensure_ascii=False), self._ttl_seconds],
        )
        return Ending(answer.decode())

    def input(self, task_id: str) -> ScanInput:
        """What the client gave."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hmget(task_key(task_id), ["user", "image_url", "user_input"])
        pipeline.get(photo_key(task_id))
        (user, image_url, user_input), photo = pipeline.execute()
        return ScanInput(
            user=user.decode() if user else "",
            photo=photo,
            image_url=image_url.decode() if image_url else None,
            user_input=user_input.decode() if user_input else None,
        )

    def output(self, task_id: str, step: Step) -> dict[str, Any] | None:
        """A step's stored output; None when there is none, or none any more."""
        output = cast(bytes | None, self._redis.hget(step_key(task_id, step), "output"))
        return json.loads(output) if output is not None else None

    def show_life(self) -> None:
        """Keeps this process' leases valid for another ``SIGN_OF_LIFE_SECONDS``."""
        self._redis.set(worker_key(self._owner), 1, ex=SIGN_OF_LIFE_SECONDS)
