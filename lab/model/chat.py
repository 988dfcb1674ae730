"""The chat completion call: what a request may look like, what is in it, and the shape of its answer.

The checks are those of the real API that a client can run into: its status codes and its error body.
"""

import base64
import binascii
import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_ROLES = {"developer", "system", "user", "assistant", "tool", "function"}
_FORMATS = {"text", "json_object", "json_schema"}
_SCHEMA_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DATA_URL = re.compile(r"data:image/[a-z0-9.+-]+;base64,")
_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_PICTURE = 85
"""What the real API counts for a picture of detail "low"."""


class BadRequest(Exception):
    """A request that the API refuses. ``param`` names the field, ``code`` the reason for programs."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as it was sent: its bytes (``data``), or the https address that names it."""

    data: bytes | None = None
    address: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data or self.address.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that has been checked. Without a JSON schema ``schema_name`` is empty and ``schema`` is None."""

    model: str
    text: str
    pictures: tuple[Picture, ...]
    schema_name: str
    schema: Mapping[str, Any] | None


def read_call(body: Any) -> Call:
    """Checks a decoded request body. Raises ``BadRequest``."""
    if not isinstance(body, dict):
        raise BadRequest("We could not parse the JSON body of your request: it must be an object.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("you must provide a model parameter", "model")
    if body.get("stream"):
        raise BadRequest("This stand-in does not stream.", "stream", "unsupported_value")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("Missing or empty array for 'messages'.", "messages", "missing_required_parameter")
    parts = [part for index, message in enumerate(messages) for part in _parts(message, f"messages[{index}]")]
    name, schema = _read_format(body.get("response_format"))
    return Call(
        model=model,
        text="\n".join(part for part in parts if isinstance(part, str)),
        pictures=tuple(part for part in parts if isinstance(part, Picture)),
        schema_name=name,
        schema=schema,
    )


def completion(call: Call, number: int, content: str) -> dict[str, Any]:
    """The body of a successful answer; ``number`` is the server's running number of the call."""
    prompt = len(call.text) // _CHARACTERS_PER_TOKEN + len(call.pictures) * _TOKENS_PER_PICTURE + 1
    answer = len(content) // _CHARACTERS_PER_TOKEN + 1
    return {
        "id": f"chatcmpl-standin-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": call.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer},
        "system_fingerprint": "eco2-model-stand-in",
    }


def error_body(message: str, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _parts(message: Any, where: str) -> Iterator[str | Picture]:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise BadRequest(f"Invalid value for '{where}.role': one of {sorted(_ROLES)} is needed.", f"{where}.role")
    content = message.get("content")
    if isinstance(content, str):
        yield content
        return
    if not isinstance(content, list) or not content:
        raise BadRequest(f"Invalid '{where}.content': a text or a list of parts is needed.", f"{where}.content")
    for index, part in enumerate(content):
        yield _part(part, f"{where}.content[{index}]")


def _part(part: Any, where: str) -> str | Picture:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return _picture(url, f"{where}.image_url.url")
        case _:
            raise BadRequest(f"Invalid '{where}': a part of type 'text' or 'image_url' is needed.", where)


def _picture(url: str, where: str) -> Picture:
    if url.startswith("https://"):
        return Picture(address=url)
    start = _DATA_URL.match(url)
    if start is None:
        raise BadRequest(f"Invalid '{where}': an https URL or a base64 data URL is needed.", where, "invalid_image_url")
    try:
        return Picture(data=base64.b64decode(url[start.end() :], validate=True))
    except binascii.Error as error:
        raise BadRequest(f"Invalid base64 in '{where}': {error}.", where, "invalid_base64") from error


def _read_format(answer_format: Any) -> tuple[str, Mapping[str, Any] | None]:
    if answer_format is None:
        return "", None
    if not isinstance(answer_format, dict) or answer_format.get("type") not in _FORMATS:
        raise BadRequest(f"Invalid 'response_format.type': one of {sorted(_FORMATS)} is needed.", "response_format")
    if answer_format["type"] != "json_schema":
        return "", None
    wanted = answer_format.get("json_schema")
    if not isinstance(wanted, dict) or not _SCHEMA_NAME.fullmatch(str(wanted.get("name", ""))):
        raise BadRequest(
            "Missing or invalid 'response_format.json_schema.name': 1 to 64 of A-Z a-z 0-9 _ - are needed.",
            "response_format.json_schema.name",
        )
    schema = wanted.get("schema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise _bad_schema(wanted["name"], "()", "schema must be a JSON Schema of 'type: \"object\"'")
    if wanted.get("strict"):
        _check_strict(wanted["name"], schema, ())
    return wanted["name"], schema


def _check_strict(name: str, schema: Any, path: tuple[str, ...]) -> None:
    """With ``strict`` every object must be closed and must require all of its properties."""
    if isinstance(schema, list):
        for index, item in enumerate(schema):
            _check_strict(name, item, (*path, str(index)))
        return
    if not isinstance(schema, dict):
        return
    if isinstance(properties := schema.get("properties"), dict):
        if schema.get("additionalProperties") is not False:
            raise _bad_schema(name, str(path), "'additionalProperties' is required to be supplied and to be false")
        if missing := sorted(set(properties) - set(schema.get("required", ()))):
            raise _bad_schema(name, str(path), f"'required' must include every key in properties, missing {missing}")
    for key, part in schema.items():
        if key not in ("enum", "const", "required", "default"):
            _check_strict(name, part, (*path, key))


def _bad_schema(name: str, where: str, reason: str) -> BadRequest:
    message = f"Invalid schema for response_format '{name}': In context={where}, {reason}."
    return BadRequest(message, "response_format", "invalid_json_schema")
