"""Reading a request for a scan: a form with a photo, or a JSON document with a picture's address."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message as HeaderValue
from http import HTTPStatus
from typing import Annotated, BinaryIO

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from app.api.addresses import URL_CHARACTERS, check_image_url
from app.api.bodies import MIB, PHOTO_BYTES, body_limit, too_large
from app.api.pictures import Pictures
from app.api.problems import Problem, overloaded
from app.state.scans import NewScan

USER_INPUT_CHARACTERS = 500

_PLACE_SECONDS = 10
_FIELD_BYTES = 8 * 1024
_FIELDS_MAX = 4
_UTF_8 = re.compile(r';\s*charset="?utf-?8"?\s*(;|$)')
_FORM_FIELDS = frozenset({"image", "user_input"})


class ScanByAddress(BaseModel):
    """A scan of a picture that has a public address. It is handed on to the model as it is."""

    model_config = ConfigDict(extra="forbid")

    image_url: Annotated[
        str, Field(min_length=1, max_length=URL_CHARACTERS, examples=["https://example.com/bottle.jpg"])
    ]
    user_input: Annotated[str | None, Field(max_length=USER_INPUT_CHARACTERS)] = None


class Uploads:
    """Reads requests, a bounded number at a time, and each for a bounded time."""

    def __init__(self, pictures: Pictures, *, at_a_time: int, seconds: float) -> None:
        self._pictures = pictures
        self._places = asyncio.Semaphore(at_a_time)
        self._seconds = seconds

    async def read(self, request: Request, user: str) -> NewScan:
        """The scan that a request asks for, its photo prepared. Raises ``Problem`` or ``RequestValidationError``."""
        async with self._place():
            try:
                async with asyncio.timeout(self._seconds):
                    return await self._read(request, user)
            except TimeoutError as error:
                raise Problem(
                    HTTPStatus.REQUEST_TIMEOUT, "too-slow", f"The body took longer than {self._seconds:g} s."
                ) from error

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Who waits for a place has read nothing of its body yet."""
        try:
            async with asyncio.timeout(_PLACE_SECONDS):
                await self._places.acquire()
        except TimeoutError as error:
            raise overloaded("Too many photos are being uploaded at this moment.") from error
        try:
            yield
        finally:
            self._places.release()

    async def _read(self, request: Request, user: str) -> NewScan:
        content_type = _content_type(request)
        if content_type not in ("multipart/form-data", "application/json"):
            raise Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Send a form (multipart/form-data) with a photo, or a JSON document (application/json).",
            )
        if (body := request.state.body) is not None:
            body.bound(*body_limit(content_type))
        if content_type == "application/json":
            return await _read_json(request, user)
        return await self._read_form(request, user)

    async def _read_form(self, request: Request, user: str) -> NewScan:
        async with _form(request) as (photo, user_input):
            digest = await asyncio.to_thread(_digest, photo, user_input)
            return NewScan(user=user, digest=digest, user_input=user_input, photo=await self._pictures.prepare(photo))


def _content_type(request: Request) -> str:
    header = HeaderValue()
    header["content-type"] = request.headers.get("content-type", "")
    return header.get_content_type()


async def _read_json(request: Request, user: str) -> NewScan:
    try:
        document = json.loads(await request.body())
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "broken-json", f"The body is not JSON: {error}.") from error
    except RecursionError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "broken-json", "The body is nested too deeply.") from error
    try:
        scan = ScanByAddress.model_validate(document)
    except ValidationError as error:
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()]) from error
    check_image_url(scan.image_url)
    user_input = _text(scan.user_input)
    digest = hashlib.sha256(json.dumps([scan.image_url, user_input]).encode()).hexdigest()
    return NewScan(user=user, digest=digest, image_url=scan.image_url, user_input=user_input)


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[tuple[BinaryIO, str | None]]:
    """The photo and the text of a form. The photo lies on disk, not in memory, once it is larger than 1 MiB."""
    form = await _parse_form(request)
    try:
        if unknown := sorted(set(form) - _FORM_FIELDS):
            raise _invalid_form(f"The form has fields that nobody knows: {', '.join(unknown)[:200]}.")
        photo, user_input = form.get("image"), form.get("user_input")
        if not isinstance(photo, UploadFile):
            raise _invalid_form("The form needs a file in its field `image`.")
        if user_input is not None and not isinstance(user_input, str):
            raise _invalid_form("The field `user_input` must be a text.")
        if user_input is not None and len(user_input) > USER_INPUT_CHARACTERS:
            raise _invalid_form(f"The field `user_input` is longer than {USER_INPUT_CHARACTERS} characters.")
        if (photo.size or 0) > PHOTO_BYTES:
            raise too_large(f"photo is too large: {PHOTO_BYTES // MIB} MB")
        yield photo.file, _text(user_input)
    finally:
        await form.close()


async def _parse_form(request: Request) -> FormData:
    header = request.headers["content-type"].lower()
    # The parser would decode by any codec that Python has, and Python remembers each name that it is asked for.
    if "charset" in header and not (header.count("charset") == 1 and _UTF_8.search(header)):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-charset", "The texts of a form must be UTF-8.")
    try:
        return await request.form(max_files=1, max_fields=_FIELDS_MAX, max_part_size=_FIELD_BYTES)
    except HTTPException as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "broken-form",
            f"The form cannot be read: {error.detail.removesuffix('.')}. "
            "Its parts must be divided by the boundary that the header Content-Type names.",
        ) from error


def _text(user_input: str | None) -> str | None:
    return (user_input or "").strip() or None


def _digest(photo: BinaryIO, user_input: str | None) -> str:
    """Tells whether two requests ask for the same, whatever boundaries their forms have."""
    digest = hashlib.sha256()
    while chunk := photo.read(MIB):
        digest.update(chunk)
    digest.update((user_input or "").encode())
    photo.seek(0)
    return digest.hexdigest()


def _invalid_form(detail: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-form", detail)
