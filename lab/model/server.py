"""The stand-in's HTTP server: ``python -m lab.model.server``.

``POST /v1/chat/completions`` and ``GET /v1/models`` as an OpenAI-compatible endpoint has them, with any bearer key;
``GET``, ``PUT`` and ``DELETE /control`` for tests (see ``control.Settings``); ``GET /healthz``.

A call costs a few milliseconds of work and then only waits, so that thousands may be under way at once.
"""

import asyncio
import json
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lab.model.answering import VISION_SCHEMA, Judgement, say
from lab.model.chat import BadRequest, Call, Picture, completion, error_body, read_call
from lab.model.control import Control, Fault, Settings
from lab.model.judging import UnreadablePicture, judge_address, judge_picture

MODELS = ("stand-in-vision", "stand-in-answer")
"""What ``GET /v1/models`` lists. Any other name is answered as well."""

_HUGE_TEXT = "가" * (10 * 1024 * 1024 // len("가".encode()))
_REMEMBERED_PICTURES = 4096
_HANG_SECONDS = 600
_KEEP_ALIVE_SECONDS = 120
"""Longer than any client keeps an idle connection: the side that closes first must be the client, or its next request
meets a closed connection."""
_SHUTDOWN_SECONDS = 10


class CutResponse(Response):
    """Promises its whole body, sends half of it and ends the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


class ModelServer:
    """The endpoints, with what they share: the control state, and the judgements of pictures seen before."""

    def __init__(self, settings: Settings) -> None:
        self.control = Control(settings)
        self._seen: OrderedDict[str, Judgement] = OrderedDict()
        # One thread: decoding is work, and more threads would only take the event loop's core away.
        self._decoder = ThreadPoolExecutor(max_workers=1)

    async def complete(self, request: Request) -> Response:
        """Answers one chat completion, as late as the settings say."""
        with self.control.counting():
            due, response = await self._prepare(request, asyncio.get_running_loop().time())
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            return response

    async def _prepare(self, request: Request, arrival: float) -> tuple[float, Response]:
        """The answer and when it is due. Nothing else outlives this: a call that waits must not keep its picture."""
        _authorise(request)
        call = read_call(await _json_body(request))
        due = arrival + self.control.settings.seconds_for(call.schema_name)
        fault = self.control.note(call)
        if fault is not None and (refusal := await self._refuse(fault, request)):
            return arrival, refusal
        return due, self._answer(call, await self._judge(call), fault)

    async def _refuse(self, fault: Fault, request: Request) -> Response | None:
        """The answer of the faults that do not take their time; None for the others."""
        match fault:
            case Fault.ERROR_500:
                return JSONResponse(error_body("The server had an error.", "server_error"), 500)
            case Fault.ERROR_429:
                body = error_body("Rate limit reached.", "requests", code="rate_limit_exceeded")
                later = str(self.control.settings.retry_after_seconds)
                return JSONResponse(body, 429, headers={"Retry-After": later})
            case Fault.HANG:
                await _wait_for_disconnect(request)
                return Response(status_code=504)
            case _:
                return None

    async def read_control(self, request: Request) -> Response:
        return JSONResponse(self.control.report())

    async def change_control(self, request: Request) -> Response:
        try:
            self.control.settings = self.control.settings.changed(await _json_body(request))
        except (ValueError, TypeError) as error:
            raise BadRequest(str(error)) from error
        return JSONResponse(self.control.report())

    async def reset_control(self, request: Request) -> Response:
        self.control.reset()
        return JSONResponse(self.control.report())

    def _answer(self, call: Call, judgement: Judgement | None, fault: Fault | None) -> Response:
        content = say(call, judgement, filler=_HUGE_TEXT if fault is Fault.HUGE else "")
        if fault is Fault.NONSENSE:
            content = '{"classification": "모의 모델의 고장난 답변'
        body = completion(call, self.control.counters.calls.total(), content)
        return CutResponse(json.dumps(body)) if fault is Fault.CLOSE_MID_BODY else JSONResponse(body)

    async def _judge(self, call: Call) -> Judgement | None:
        """The judgement of the call's last picture; without a picture only a classification has one."""
        if not call.pictures:
            return ("미분류", "미분류") if call.schema_name == VISION_SCHEMA else None
        picture = call.pictures[-1]
        judgement = self._seen.get(picture.digest)
        if judgement is None:
            loop = asyncio.get_running_loop()
            judgement = await loop.run_in_executor(self._decoder, _judge_picture, picture)
            self._seen[picture.digest] = judgement
            while len(self._seen) > _REMEMBERED_PICTURES:
                self._seen.popitem(last=False)
        return judgement


def create_app(settings: Settings) -> Starlette:
    server = ModelServer(settings)
    return Starlette(
        routes=[
            Route("/v1/chat/completions", server.complete, methods=["POST"]),
            Route("/v1/models", list_models),
            Route("/control", server.read_control, methods=["GET"]),
            Route("/control", server.change_control, methods=["PUT"]),
            Route("/control", server.reset_control, methods=["DELETE"]),
            Route("/healthz", report_health),
        ],
        exception_handlers={BadRequest: _on_bad_request, HTTPException: _on_http_error},
    )


async def list_models(request: Request) -> Response:
    _authorise(request)
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "eco2-model-stand-in"} for name in MODELS]
    return JSONResponse({"object": "list", "data": models})


async def report_health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _judge_picture(picture: Picture) -> Judgement:
    if picture.data is None:
        return judge_address(picture.address)
    try:
        return judge_picture(picture.data)
    except UnreadablePicture as error:
        raise BadRequest(
            "You uploaded an unsupported image. Please make sure your image is valid and of one of the following "
            f"formats: png, jpeg, gif, webp. ({error})",
            code="invalid_image_format",
        ) from error


def _authorise(request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise BadRequest("You didn't provide an API key.", code="invalid_api_key", status=401)


async def _json_body(request: Request) -> Any:
    # request.body() would keep the bytes for as long as the request lasts.
    body = b"".join([chunk async for chunk in request.stream()])
    try:
        return json.loads(body)
    except ValueError as error:
        raise BadRequest(f"We could not parse the JSON body of your request: {error}.") from error


async def _wait_for_disconnect(request: Request) -> None:
    for _ in range(_HANG_SECONDS):
        if await request.is_disconnected():
            return
        await asyncio.sleep(1)


Handler = Callable[[Request, Exception], Awaitable[Response]]


async def _on_bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadRequest)
    body = error_body(error.message, "invalid_request_error", error.param, error.code)
    return JSONResponse(body, error.status)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{error.detail}: {request.method} {request.url.path}"
    return JSONResponse(error_body(message, "invalid_request_error"), error.status_code, headers=error.headers)


def main() -> None:
    settings = Settings(
        vision_seconds=float(os.environ.get("MODEL_VISION_SECONDS", "3.5")),
        answer_seconds=float(os.environ.get("MODEL_ANSWER_SECONDS", "7.0")),
    )
    uvicorn.run(
        create_app(settings),
        host=os.environ.get("MODEL_HOST", "0.0.0.0"),
        port=int(os.environ.get("MODEL_PORT", "8000")),
        access_log=False,
        backlog=4096,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


if __name__ == "__main__":
    main()
