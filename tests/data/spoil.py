"""Makes the bad test photos: ``python tests/data/spoil.py`` writes ``bad/`` beside itself. Each must be refused."""

import struct
import zlib
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent

_BOMB_SIDE = 30_000
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_COMMENT = b"\xff\xfe"
_LONGEST_SEGMENT = 0xFFFF


def oversized_jpeg(size: int = 11 * 1024 * 1024) -> bytes:
    """A valid JPEG of at least ``size`` bytes: a good photo, padded with comments. Too large to be kept as a file."""
    photo = (HERE / "can.jpg").read_bytes()
    comment = _JPEG_COMMENT + struct.pack(">H", _LONGEST_SEGMENT) + bytes(_LONGEST_SEGMENT - 2)
    return photo[:2] + comment * (max(0, size - len(photo)) // len(comment) + 1) + photo[2:]


def png(width: int, height: int, rows: bytes) -> bytes:
    """A black and white PNG with these dimensions in its header; ``rows`` are compressed as they are."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return _PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bad_files() -> dict[str, bytes]:
    photo = (HERE / "can.jpg").read_bytes()
    bomb_row = bytes(1 + (_BOMB_SIDE + 7) // 8)
    return {
        "empty.jpg": b"",
        "text.jpg": b"This is no photo, whatever its name says.\n",
        "truncated.jpg": photo[: len(photo) // 3],
        "start-only.jpg": photo[:20],
        "heic.jpg": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(512),
        "bomb.png": png(_BOMB_SIDE, _BOMB_SIDE, bomb_row * _BOMB_SIDE),
        "no-pixels.png": png(0, 0, b""),
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><circle r="32"/></svg>\n',
    }


def main() -> None:
    folder = HERE / "bad"
    folder.mkdir(exist_ok=True)
    for name, content in _bad_files().items():
        (folder / name).write_bytes(content)
    Image.new("P", (64, 64)).save(folder / "picture.gif")


if __name__ == "__main__":
    main()
