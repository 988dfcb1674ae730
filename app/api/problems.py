"""Errors as RFC 9457 problem documents. Nothing else than these leaves the API with a status of 400 or more."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from redis.exceptions import OutOfMemoryError, RedisError
from starlette.exceptions import HTTPException

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2
"""When a client may try again: Redis and the broker take seconds to come back, and a queue seconds to drain."""


_QUOTED_CHARACTERS = 200
"""What is said back of a request."""


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    location: str = Field(description="Where it is, for example `body.image_url` or `header.X-User-ID`.")
    message: str


class ProblemDocument(BaseModel):
    """An error (RFC 9457). `type` is a name for programs, `detail` a sentence that helps people."""

    type: str = Field(examples=["urn:eco2:problem:image-too-large"])
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None


class Problem(Exception):
    """Ends a request with a problem document. ``name`` is the last part of its type."""

    def __init__(self, status: HTTPStatus, name: str, detail: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds


def problem_response(
    problem: Problem, *, errors: list[FieldError] | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    document = ProblemDocument(
        type=f"urn:eco2:problem:{problem.name}",
        title=problem.status.phrase,
        status=problem.status,
        detail=problem.detail,
        errors=errors,
    )
    all_headers = dict(headers or {})
    if problem.retry_after_seconds is not None:
        all_headers["Retry-After"] = str(problem.retry_after_seconds)
    return JSONResponse(document.model_dump(exclude_none=True), problem.status, all_headers, media_type=MEDIA_TYPE)


def overloaded(detail: str) -> Problem:
    """Too many scans wait or Redis is full: nothing is lost, new ones must wait."""
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, "overloaded", detail, retry_after_seconds=RETRY_SECONDS)


def redis_away() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "redis-unavailable",
        "The store of scans (redis) does not answer. Try again in a moment.",
        retry_after_seconds=RETRY_SECONDS,
    )


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may end in these problems."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        int(status): {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses
    }


def install_problem_handlers(app: FastAPI) -> None:
    """Turns every error of the app into a problem document, those of the framework included."""

    async def on_problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        return problem_response(error)

    async def on_http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        name = status.phrase.lower().replace(" ", "-")
        return problem_response(Problem(status, name, _sentence(error.detail, request)), headers=error.headers)

    async def on_invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return _invalid(error)

    async def on_redis_error(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, OutOfMemoryError):
            return problem_response(overloaded("The store of scans is full. Try again in a moment."))
        logger.warning("Redis: %r", error)
        return problem_response(redis_away())

    async def on_fault(request: Request, error: Exception) -> JSONResponse:
        logger.error("a fault while answering %s %s", request.method, request.scope["path"], exc_info=error)
        fault = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "Something went wrong on our side.")
        return problem_response(fault)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(RedisError, on_redis_error)
    app.add_exception_handler(Exception, on_fault)


def _sentence(detail: str, request: Request) -> str:
    """Starlette's own errors have nothing but the status' phrase for a detail."""
    if detail in (HTTPStatus.NOT_FOUND.phrase, HTTPStatus.METHOD_NOT_ALLOWED.phrase):
        return f"There is nothing at {request.scope['path'][:_QUOTED_CHARACTERS]} for {request.method}. See /docs."
    return detail


def _invalid(error: RequestValidationError) -> JSONResponse:
    errors = [
        FieldError(location=".".join(str(part) for part in item["loc"]), message=str(item["msg"]))
        for item in error.errors()
    ]
    # A header is part of how the request is put together, a field part of what it says.
    is_about_headers = all(item.location.startswith("header.") for item in errors)
    status = HTTPStatus.BAD_REQUEST if is_about_headers else HTTPStatus.UNPROCESSABLE_ENTITY
    wrong = "; ".join(f"{item.location}: {item.message}" for item in errors)
    detail = f"The request is not as it must be: {wrong}."
    return problem_response(Problem(status, "invalid-request", detail), errors=errors)
