"""What has become of a scan: its status, and its events as they happen."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from app.api.hub import Change, TooManyStreams, Watch
from app.api.parts import Parts, get_parts
from app.api.problems import RETRY_SECONDS, Problem, documented
from app.state.record import Record, Status, Step

EVENT = "progress"

router = APIRouter()

TaskId = Annotated[str, Path(description="The `task_id` of an accepted scan.", json_schema_extra={"format": "uuid"})]
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="The id of the last event that the client has seen.")
]
PartsOfApp = Annotated[Parts, Depends(get_parts)]


class TaskStatus(BaseModel):
    """A scan as it stands. `progress` is in per cent and never falls."""

    task_id: UUID
    status: Status
    step: Step
    progress: int
    partial_result: dict[str, Any] | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None


@router.get("/task/{task_id}/status", responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE))
async def status(task_id: TaskId, parts: PartsOfApp) -> TaskStatus:
    """A scan as it stands now. It is remembered for an hour after its last change."""
    return _status_of(await _known(parts, task_id))


class Events:
    """The events of one stream: the present state if the client has not seen it, then each change until the last."""

    def __init__(self, watch: Watch, present: Change, seen_version: int) -> None:
        self._watch = watch
        self._present = present
        self._seen_version = seen_version

    async def changes(self) -> AsyncGenerator[Change, None]:
        change: Change | None = self._present
        while change is not None:
            if change.version > self._seen_version:
                self._seen_version = change.version
                yield change
            if change.is_final:
                return
            change = await self._watch.next()


async def _open_events(task_id: TaskId, parts: PartsOfApp, last_event_id: LastEventId = None) -> AsyncIterator[Events]:
    try:
        # First the watch, then the state: a change in between comes twice and is told once.
        watch = parts.hub.watch(task_id)
    except TooManyStreams as error:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "too-many-streams",
            "Too many event streams are open. Ask for the status instead, or try again in a moment.",
            retry_after_seconds=RETRY_SECONDS,
        ) from error
    try:
        record = await _known(parts, task_id)
        present = Change(record.version, record.is_final, _status_of(record).model_dump_json())
        yield Events(watch, present, _version(last_event_id))
    finally:
        parts.hub.forget(watch)


@router.get(
    "/task/{task_id}/events",
    response_class=EventSourceResponse,
    responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def events(events: Annotated[Events, Depends(_open_events)], parts: PartsOfApp) -> AsyncIterator[ServerSentEvent]:
    """A scan's changes as server-sent events `progress`, whose data is the status and whose id is its version.

    The stream ends after `completed` or `failed`.
    """
    async with aclosing(events.changes()) as changes:
        try:
            async with asyncio.timeout(parts.settings.stream_seconds):
                async for change in changes:
                    yield ServerSentEvent(event=EVENT, id=str(change.version), raw_data=change.document)
        except TimeoutError:
            return


async def _known(parts: Parts, task_id: str) -> Record:
    record = await parts.scans.read(task_id)
    if record is None:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "unknown-task",
            "There is no such scan, or no longer: scans are remembered for an hour.",
        )
    return record


def _status_of(record: Record) -> TaskStatus:
    return TaskStatus(
        task_id=UUID(record.task_id),
        status=record.status,
        step=record.step,
        progress=record.progress,
        partial_result=record.partial_result,
        result=record.result,
        error=record.error,
    )


def _version(last_event_id: str | None) -> int:
    """0 for what is none of our ids."""
    text = (last_event_id or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
