import io
import struct
import zlib

import pytest
from PIL import Image

from app.api.pictures import LONGEST_SIDE, prepare
from app.api.problems import Problem

ORIENTATION = 0x0112
GPS = 0x8825


def encoded(picture: Image.Image, format: str, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    picture.save(file, format, **options)
    file.seek(0)
    return file


def decoded(jpeg: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(jpeg))
    picture.load()
    return picture


def png_of_size(width: int, height: int) -> io.BytesIO:
    """The head of a PNG, which is all that is read before its size is checked."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_photo_becomes_a_jpeg_of_bounded_size(format: str) -> None:
    photo = decoded(prepare(encoded(Image.new("RGB", (3000, 1500), "red"), format)))
    assert (photo.format, photo.size) == ("JPEG", (LONGEST_SIDE, LONGEST_SIDE // 2))


def test_a_small_photo_is_not_made_larger() -> None:
    assert decoded(prepare(encoded(Image.new("RGB", (20, 10)), "PNG"))).size == (20, 10)


def test_a_photo_taken_sideways_is_turned_upright_and_loses_its_metadata() -> None:
    picture = Image.new("RGB", (400, 200), "white")
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[GPS] = {1: "N", 2: (37.0, 33.0, 0.0)}
    photo = decoded(prepare(encoded(picture, "JPEG", exif=exif, comment=b"at home")))
    assert photo.size == (200, 400), "the model would see the thing lying on its side"
    assert not photo.getexif(), "where a photo was taken is nobody's business"
    assert "comment" not in photo.info


def test_what_is_transparent_becomes_white() -> None:
    photo = decoded(prepare(encoded(Image.new("RGBA", (10, 10), (255, 0, 0, 0)), "PNG")))
    assert photo.getpixel((5, 5)) == (255, 255, 255), "black would be taken for a part of the thing"


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1"])
def test_pictures_of_any_mode_are_taken(mode: str) -> None:
    format = "JPEG" if mode == "CMYK" else "PNG"
    assert decoded(prepare(encoded(Image.new(mode, (10, 10)), format))).mode == "RGB"


@pytest.mark.parametrize(
    ("file", "status"),
    [
        pytest.param(io.BytesIO(b""), 422, id="empty"),
        pytest.param(io.BytesIO(b"I am not a photo"), 415, id="text"),
        pytest.param(encoded(Image.new("RGB", (9, 9)), "GIF"), 415, id="gif"),
        pytest.param(io.BytesIO(encoded(Image.new("RGB", (900, 900)), "JPEG").read()[:2000]), 422, id="truncated"),
        pytest.param(io.BytesIO(encoded(Image.new("RGB", (9, 9)), "JPEG").read(20)), 422, id="only its start"),
        pytest.param(png_of_size(0, 0), 422, id="no pixels"),
        pytest.param(png_of_size(6000, 6000), 422, id="bomb"),
        pytest.param(png_of_size(60000, 60000), 422, id="large bomb"),
    ],
)
def test_what_is_no_usable_photo_is_refused(file: io.BytesIO, status: int) -> None:
    with pytest.raises(Problem) as refused:
        prepare(file)
    assert refused.value.status == status
