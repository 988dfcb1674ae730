"""Probes and metrics."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from redis.exceptions import RedisError

from app.api.metrics import OUTBOX_ENTRIES, OUTBOX_OLDEST_SECONDS, STREAMS
from app.api.parts import Parts, get_parts
from app.api.problems import documented

router = APIRouter()


class Fine(BaseModel):
    status: str = "ok"


@router.get("/livez")
async def livez() -> Fine:
    """The process answers."""
    return Fine()


@router.get("/readyz", responses=documented(HTTPStatus.SERVICE_UNAVAILABLE))
async def readyz(parts: Annotated[Parts, Depends(get_parts)]) -> Fine:
    """What requests need is there: Redis. The broker is not among it: without it scans wait in the outbox."""
    await parts.scans.ping()
    return Fine()


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(parts: Annotated[Parts, Depends(get_parts)]) -> Response:
    """Prometheus' text format."""
    STREAMS.set(parts.hub.streams)
    try:
        OUTBOX_ENTRIES.set(await parts.scans.outbox_length())
        OUTBOX_OLDEST_SECONDS.set(await parts.scans.outbox_age_seconds())
    except RedisError:
        OUTBOX_ENTRIES.set(float("nan"))
        OUTBOX_OLDEST_SECONDS.set(float("nan"))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
