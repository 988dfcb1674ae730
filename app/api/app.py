"""The API as an ASGI application."""

import asyncio
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypedDict

from celery import Celery
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api import classify, docs, health, page, progress
from app.api.bodies import BoundedTraffic
from app.api.dead_letters import DeadLetter, DeadLetters, LayToRest
from app.api.hub import Hub
from app.api.memory import MemoryWatch
from app.api.metrics import CountedRequests
from app.api.parts import Parts
from app.api.pictures import Pictures
from app.api.problems import ProblemDocument, install_problem_handlers
from app.api.relay import Relay
from app.api.uploads import Uploads
from app.celery_app import create_celery
from app.faults import Faults
from app.scan_chain import scan_chain
from app.settings import ApiSettings
from app.state.connection import connect, connect_async, connect_async_waiting
from app.state.scans import Rest, ScanStore
from app.tracing.spans import close as close_tracing

logger = logging.getLogger(__name__)

_REDIS_CONNECTIONS = 64
_RESTART_SECONDS = 1.0
_LAY_TO_REST_SECONDS = 10.0


class State(TypedDict):
    """What requests see of the lifespan."""

    parts: Parts


def create_app(settings: ApiSettings) -> FastAPI:
    """The API. Its connections are made when it starts, and it starts without Redis and without the broker too."""
    # FastAPI's own pages load their scripts from elsewhere.
    app = FastAPI(
        title="Eco²",
        version="1",
        lifespan=_lifespan(settings),
        docs_url=None,
        redoc_url=None,
        # A redirect would repeat the Host header, whatever is in it.
        redirect_slashes=False,
    )
    for module in (classify, progress, health, page, docs):
        app.include_router(module.router)
    app.mount("/web", page.PageFiles(), name="web")
    install_problem_handlers(app)
    app.add_middleware(BoundedTraffic)
    app.add_middleware(CountedRequests)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _lifespan(settings: ApiSettings) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        redis, waiting = connect_async(settings, _REDIS_CONNECTIONS), connect_async_waiting(settings)
        scans = ScanStore(
            redis,
            ttl_seconds=settings.state_ttl_seconds,
            outbox_max_entries=settings.outbox_max_entries,
            waits_for_disk=settings.redis_waitaof,
        )
        pictures = Pictures()
        celery = create_celery(settings, name="scan-api", publishing_connections=settings.publisher_threads)
        relay = _relay(settings, celery, waiting)
        dead_letters = DeadLetters(celery.connection_for_read(), _in_loop(scans))
        parts = Parts(
            settings=settings,
            scans=scans,
            uploads=Uploads(pictures, at_a_time=settings.uploads_max, seconds=settings.upload_seconds),
            hub=Hub(waiting, streams_max=settings.streams_max),
            memory=MemoryWatch(scans, share=settings.redis_memory_share),
        )
        app.state.hub = parts.hub
        loops = [asyncio.create_task(_for_ever(run)) for run in (parts.hub.run, parts.memory.run, relay.run)]
        dead_letters.start()
        try:
            yield {"parts": parts}
        finally:
            dead_letters.stop()
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            relay.close()
            pictures.close()
            await waiting.aclose()
            await redis.aclose()
            # Here, because the server ends the process by the signal that it was sent.
            await asyncio.to_thread(close_tracing)

    return lifespan


def _relay(settings: ApiSettings, celery: Celery, redis: Any) -> Relay:
    def publish(task_id: str) -> None:
        scan_chain(celery, task_id).apply_async()

    return Relay(
        redis,
        Faults(connect(settings, settings.publisher_threads)).around(publish) if settings.fault_hooks else publish,
        name=f"{socket.gethostname()}:{uuid.uuid4()}",
        threads=settings.publisher_threads,
    )


def _in_loop(scans: ScanStore) -> LayToRest:
    """For the thread of the dead letters: the store is used from the event loop alone."""
    loop = asyncio.get_running_loop()

    def lay_to_rest(letter: DeadLetter) -> Rest:
        failing = scans.lay_to_rest(letter.task_id, letter.step, letter.reason)
        return asyncio.run_coroutine_threadsafe(failing, loop).result(_LAY_TO_REST_SECONDS)

    return lay_to_rest


async def _for_ever(run: Callable[[], Awaitable[None]]) -> None:
    """Keeps a loop of the process going: a fault in it must not end it silently."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("%s had a fault and goes on", run)
        await asyncio.sleep(_RESTART_SECONDS)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
        definitions = schema.pop("$defs", {})
        document["components"]["schemas"] |= {"ProblemDocument": schema, **definitions}
        _forget_default_errors(document)
        app.openapi_schema = document
    return app.openapi_schema


def _forget_default_errors(document: dict[str, Any]) -> None:
    """FastAPI documents an error of its own form wherever there is a parameter. None of these occurs here."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
