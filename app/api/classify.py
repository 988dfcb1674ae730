"""Asking for a scan."""

import logging
import uuid
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel
from redis.exceptions import RedisError

from app.api.metrics import ACCEPTED, POST_ROUTE
from app.api.parts import Parts, get_parts
from app.api.problems import RETRY_SECONDS, Problem, documented, overloaded
from app.api.uploads import USER_INPUT_CHARACTERS, ScanByAddress
from app.logs import scan_in_hand
from app.state.scans import Acceptance, Claim, ClaimHeld, FirstUse, NewScan, NotOnDisk
from app.tracing import names, traceparent
from app.tracing.spans import Kind, current_traceparent, span

logger = logging.getLogger(__name__)

router = APIRouter()

UserId = Annotated[
    str, Header(alias="X-User-ID", pattern=r"^[A-Za-z0-9._-]{1,128}$", description="Who asks. Set by the gateway.")
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="Repeated requests of a user with the same key and content get the first one's scan, for an hour.",
    ),
]

_REQUEST_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "additionalProperties": False,
                "properties": {
                    "image": {"type": "string", "format": "binary", "description": "JPEG, PNG or WebP, up to 10 MB."},
                    "user_input": {"type": "string", "maxLength": USER_INPUT_CHARACTERS},
                },
            }
        },
        "application/json": {"schema": ScanByAddress.model_json_schema()},
    },
}


class Accepted(BaseModel):
    """A scan that was taken in."""

    task_id: uuid.UUID
    status_url: str
    events_url: str


@router.post(
    POST_ROUTE,
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra={"requestBody": _REQUEST_BODY},
    responses=documented(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def classify(
    request: Request,
    response: Response,
    user: UserId,
    parts: Annotated[Parts, Depends(get_parts)],
    key: IdempotencyKey = None,
) -> Accepted:
    """Takes a photo, or the address of a picture, and answers at once; what to do with the thing is found out later."""
    with span(f"POST {POST_ROUTE}", Kind.SERVER, parent=request.headers.get(traceparent.KEY)) as traced:
        try:
            task_id, outcome = await _scan_of(request, parts, user, key)
        except Problem as problem:
            traced.ends(problem.name, is_fault=problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR)
            raise
        traced.note({names.TASK_ID: task_id})
        traced.ends(outcome)
    status_url = f"/task/{task_id}/status"
    response.headers["Location"] = status_url
    return Accepted(task_id=uuid.UUID(task_id), status_url=status_url, events_url=f"/task/{task_id}/events")


async def _scan_of(request: Request, parts: Parts, user: str, key: str | None) -> tuple[str, str]:
    """The scan's id, and whether the request was accepted or is a repetition of one that was."""
    if parts.memory.is_full:
        raise overloaded("The store of scans is nearly full. Try again in a moment.")
    claim = await _claim(parts, user, key) if key is not None else None
    if isinstance(claim, FirstUse):
        return _same_scan(claim, await parts.uploads.read(request, user)), "repeated"
    return await _take_in(request, parts, user, claim), "accepted"


async def _claim(parts: Parts, user: str, key: str) -> Claim | FirstUse:
    try:
        return await parts.scans.claim(user, key)
    except ClaimHeld as error:
        raise _key_in_use() from error


def _same_scan(first: FirstUse, repeated: NewScan) -> str:
    if repeated.digest != first.digest:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "This Idempotency-Key was used with another content. Take a new key for a new scan.",
        )
    return first.task_id


async def _take_in(request: Request, parts: Parts, user: str, claim: Claim | None) -> str:
    try:
        scan = await parts.uploads.read(request, user)
        return await _accept(parts, scan, claim)
    except BaseException:
        if claim is not None:
            with suppress(RedisError):
                await parts.scans.forget(claim)
        raise


async def _accept(parts: Parts, scan: NewScan, claim: Claim | None) -> str:
    task_id = str(uuid.uuid4())
    scan_in_hand.set(task_id)
    try:
        acceptance = await parts.scans.accept(task_id, scan, claim, traceparent=current_traceparent())
    except NotOnDisk as error:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "redis-unavailable",
            "The store of scans (redis) did not bring the scan to its disk in time. Try again in a moment.",
            retry_after_seconds=RETRY_SECONDS,
        ) from error
    match acceptance:
        case Acceptance.OUTBOX_FULL:
            raise overloaded("Too many scans wait to be worked on. Try again in a moment.")
        case Acceptance.CLAIM_LOST:
            raise _key_in_use()
    ACCEPTED.inc()
    logger.info("accepted")
    return task_id


def _key_in_use() -> Problem:
    return Problem(
        HTTPStatus.CONFLICT,
        "idempotency-key-in-use",
        "The first request with this Idempotency-Key is still under way.",
        retry_after_seconds=RETRY_SECONDS,
    )
