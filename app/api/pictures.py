"""Photos as they come in: checked, turned upright, shrunk, and without anything but the picture."""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from app.api.problems import Problem

LONGEST_SIDE = 1024
"""Pixels. The model looks at less."""

_FORMATS = ("JPEG", "PNG", "WEBP")
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF")
_SIGNATURE_BYTES = 8
_JPEG_QUALITY = 85
_DECODERS = 2
"""Decoding is work for a core each, and takes up to 200 MB of memory for the largest pictures."""

_PIXELS_MAX = {"JPEG": 64_000_000, "MPO": 64_000_000}
_PIXELS_MAX_ELSE = 25_000_000
"""A JPEG is decoded at a fraction of its size; others whole, at 4 bytes a pixel, whatever few bytes they came in."""


class Pictures:
    """Prepares photos in a few threads, so that neither the event loop nor the memory suffers from many at a time."""

    def __init__(self) -> None:
        self._decoders = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decoder")

    async def prepare(self, file: BinaryIO) -> bytes:
        """An upload as an upright JPEG of at most ``LONGEST_SIDE``, without metadata. Raises ``Problem``."""
        return await asyncio.get_running_loop().run_in_executor(self._decoders, prepare, file)

    def close(self) -> None:
        self._decoders.shutdown(wait=False, cancel_futures=True)


def prepare(file: BinaryIO) -> bytes:
    """See ``Pictures.prepare``."""
    start = file.read(_SIGNATURE_BYTES)
    if not start:
        raise _unusable("The photo is empty.")
    file.seek(0)
    try:
        with Image.open(file, formats=_FORMATS) as picture:
            _check_size(picture)
            return _encode(_shrink(picture))
    except Problem:
        raise
    except UnidentifiedImageError as error:
        if start.startswith(_SIGNATURES):
            raise _damaged() from error
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-image", "The photo is neither JPEG, PNG nor WebP."
        ) from error
    except Image.DecompressionBombError as error:
        raise _unusable(f"The photo has too many pixels: {_PIXELS_MAX_ELSE:,} are the most.") from error
    except Exception as error:
        # Decoders of damaged files raise nearly anything: OSError, SyntaxError, ValueError, struct.error, …
        raise _damaged() from error


def _check_size(picture: Image.Image) -> None:
    pixels = picture.width * picture.height
    most = _PIXELS_MAX.get(picture.format or "", _PIXELS_MAX_ELSE)
    if pixels > most:
        raise _unusable(f"The photo has {pixels:,} pixels; {most:,} are the most for {picture.format}.")
    if not pixels:
        raise _unusable("The photo has no pixels.")


def _shrink(picture: Image.Image) -> Image.Image:
    picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
    # Half the work of the default filter, which no model sees the difference to.
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)
    upright = ImageOps.exif_transpose(picture)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    on_white = Image.new("RGB", upright.size, "white")
    with_alpha = upright.convert("RGBA")
    on_white.paste(with_alpha, mask=with_alpha)
    return on_white


def _encode(picture: Image.Image) -> bytes:
    # Pillow writes a comment that it has read.
    picture.info.clear()
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=_JPEG_QUALITY)
    return jpeg.getvalue()


def _damaged() -> Problem:
    return _unusable("The photo is damaged or incomplete.")


def _unusable(detail: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unusable-image", detail)
