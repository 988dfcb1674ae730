"""The model: any endpoint that speaks OpenAI's chat completions with structured output.

Calls come from many threads and run on one event loop of the client's own, because only there can a call be ended by
the wall clock: a synchronous HTTP client bounds each read, and a server that sends a byte a minute keeps it for ever.
"""

import asyncio
import math
import threading
import time
from collections.abc import Sequence
from email.utils import mktime_tz, parsedate_tz
from functools import cache
from typing import Any, TypeVar

from openai import APIStatusError, AsyncOpenAI, DefaultAsyncHttpxClient, Timeout
from openai.types.chat import ChatCompletion
from pydantic import BaseModel, ValidationError

from app.tracing import names
from app.tracing.spans import Kind, span

_CONNECT_SECONDS = 5
_ANSWER_BYTES = 1024 * 1024
"""An answer has some 2 KB. What is bigger is not read to its end."""

_TRANSIENT = frozenset({408, 409, 429})
"""Client errors that may be gone at the next try."""

Answer = TypeVar("Answer", bound=BaseModel)
Message = dict[str, Any]


class ModelUnavailable(Exception):
    """The model gave no usable answer: an error, a time-out or nonsense. The same call may succeed later.

    ``retry_after_seconds`` is the time for which the model has asked to be left alone.
    """

    def __init__(self, detail: str, retry_after_seconds: float = 0) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class ModelRejected(Exception):
    """The model refuses this call; it would refuse it again."""


class ModelClient:
    """One client for all threads of a process. ``timeout_seconds`` is the wall time of a whole call."""

    def __init__(self, *, base_url: str, api_key: str, timeout_seconds: float) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._timeout_seconds = timeout_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="model-calls", daemon=True)
        self._client: AsyncOpenAI | None = None

    def start(self) -> None:
        """Starts the event loop. Calls before it wait for ever."""
        self._client = AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key,
            max_retries=0,
            timeout=Timeout(self._timeout_seconds, connect=_CONNECT_SECONDS),
            # Its bound of 1,000 connections lies above a worker's threads: no call waits for another one's.
            http_client=DefaultAsyncHttpxClient(follow_redirects=False),
        )
        self._thread.start()

    def complete(self, *, model: str, name: str, messages: Sequence[Message], answer: type[Answer]) -> Answer:
        """Asks for an answer of the given form; ``name`` names that form to the model.

        Raises ``ModelUnavailable`` or ``ModelRejected``.
        """
        fields = {
            "messages": list(messages),
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": name, "strict": True, "schema": _schema(answer)},
            },
        }
        # As extra fields, which the SDK sends as they are: it takes half of a call's work to look through its own.
        request = {"model": model, "messages": [], "extra_body": fields}
        # The endpoint is told nothing of the trace: it may be anybody's.
        with span("ask the model", Kind.CLIENT, {names.STEP: name}) as traced:
            body = asyncio.run_coroutine_threadsafe(self._call(request), self._loop).result()
            answered = _read_answer(body, answer)
            traced.ends("answered")
            return answered

    async def _call(self, request: dict[str, Any]) -> bytes:
        assert self._client is not None, "start() comes first"
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._client.chat.completions.with_streaming_response.create(**request) as response,
            ):
                body = bytearray()
                async for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > _ANSWER_BYTES:
                        raise ModelUnavailable(f"its answer is longer than {_ANSWER_BYTES} bytes")
                return bytes(body)
        except ModelUnavailable:
            raise
        except TimeoutError as error:
            raise ModelUnavailable(f"no answer within {self._timeout_seconds:g} s") from error
        except APIStatusError as error:
            raise _refusal(error) from error
        except Exception as error:
            # The SDK's errors, and while the body is read those of the HTTP library below it.
            raise ModelUnavailable(f"the call failed: {error!r}") from error


@cache
def _schema(answer: type[BaseModel]) -> dict[str, Any]:
    return answer.model_json_schema()


def _refusal(error: APIStatusError) -> ModelUnavailable | ModelRejected:
    status = error.status_code
    if 400 <= status < 500 and status not in _TRANSIENT:
        return ModelRejected(f"status {status}")
    return ModelUnavailable(f"status {status}", _retry_after_seconds(error.response.headers.get("retry-after", "")))


def _retry_after_seconds(header: str) -> float:
    """Seconds of a Retry-After header, which has them as a number or as the date of their end; 0 for anything else."""
    try:
        date = parsedate_tz(header)
        seconds = mktime_tz(date) - time.time() if date else float(header)
    except (ValueError, OverflowError):
        return 0
    return max(0.0, seconds) if math.isfinite(seconds) else 0


def _read_answer(body: bytes, answer: type[Answer]) -> Answer:
    """Checks a response body. What does not fit is nonsense, and a model may do better the next time."""
    try:
        completion = ChatCompletion.model_validate_json(body)
        message = completion.choices[0].message
        if message.refusal:
            raise ModelRejected("it refuses to answer")
        return answer.model_validate_json(message.content or "")
    except (ValidationError, IndexError) as error:
        raise ModelUnavailable(f"its answer is not the {answer.__name__} that was asked for") from error
