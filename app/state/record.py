"""A scan's record: what clients see of it, and the names under which it lies in Redis."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

CHANGES_CHANNEL = "task-changes"
"""Where the scripts tell of each change: ``<task id> <version> <status> <status document as JSON>``."""

OUTBOX = "outbox"
"""The stream of scans that were accepted and wait to be handed to the broker."""

OUTBOX_FIELD = "task_id"

TRACE_PARENT_FIELD = "traceparent"
"""Of an entry of the outbox, and of a record: the scan's trace, which its publishing goes on with."""

TRACE_LINK_FIELD = "trace_link"
"""Of an entry of a scan that was opened again: the former trace, which the new one is linked to."""

QUARANTINE = "quarantine"
"""Held for a moment by the step that starts after it was in hand when workers were lost: no other such step starts."""


def task_key(task_id: str) -> str:
    return f"task:{task_id}"


def photo_key(task_id: str) -> str:
    return f"photo:{task_id}"


def step_key(task_id: str, step: str) -> str:
    return f"step:{task_id}:{step}"


def idempotency_key(user: str, key: str) -> str:
    return f"idempotency:{user}:{key}"


def worker_key(owner: str) -> str:
    """The sign of life of a worker process, without which the leases that it holds are void."""
    return f"worker:{owner}"


class Status(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


FINAL = frozenset({Status.COMPLETED, Status.FAILED})


class Step(StrEnum):
    """Where a scan is, in the order in which it gets there. The values are the API's."""

    PENDING = "pending"
    SCAN = "scan"
    ANALYZE = "analyze"
    ANSWER = "answer"
    COMPLETE = "complete"


@dataclass(frozen=True, kw_only=True)
class Record:
    """A scan as it stands in Redis. ``version`` counts its changes; progress is in per cent and never falls."""

    task_id: str
    version: int
    status: Status
    step: Step
    progress: int
    partial_result: Any = None
    result: Any = None
    error: Any = None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


def read_record(fields: Mapping[bytes, bytes]) -> Record:
    """The record of a Redis hash that was written by the scripts."""
    return Record(
        task_id=fields[b"id"].decode(),
        version=int(fields[b"version"]),
        status=Status(fields[b"status"].decode()),
        step=Step(fields[b"step"].decode()),
        progress=int(fields[b"progress"]),
        partial_result=json.loads(fields.get(b"partial_result", b"null")),
        result=_result(fields),
        error=json.loads(fields.get(b"error", b"null")),
    )


def _result(fields: Mapping[bytes, bytes]) -> Any:
    """The result, with the reward that is kept beside it: it may change when all else is settled."""
    result = json.loads(fields.get(b"result", b"null"))
    if result is None or b"reward" not in fields:
        return result
    return {**result, "reward": json.loads(fields[b"reward"])}
