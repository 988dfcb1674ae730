"""What the stand-in sees in a picture: the colour and the shape of the thing in front of a plain background.

Nothing is learned here. A picture is measured (``measure``), and the category with the nearest prototype wins
(``judge_look``). The same bytes always give the same category. A picture that is only named by its address is never
fetched: ``judge_address`` reads the address itself.
"""

import colorsys
import io
import math
import zlib
from dataclasses import dataclass
from urllib.parse import unquote

from PIL import Image, ImageChops, ImageFilter, ImageOps, ImageStat

RECYCLABLE = "재활용폐기물"

_SIDE = 96
"""Pixels of the longer side that is looked at: enough for an outline, and JPEG decodes to it at little cost."""

_BACKGROUND_DISTANCE = 30
"""Brightness steps, of 255, by which a pixel must differ from the background to belong to the thing."""


class UnreadablePicture(ValueError):
    """The bytes are no picture that Pillow can decode."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A thing's mean colour (hue in degrees; saturation and brightness 0 to 1), height over width, and contrast.

    ``contrast`` is the standard deviation of its brightness, 0 to 0.5: high for metal and glass.
    """

    hue: float
    saturation: float
    brightness: float
    height_to_width: float
    contrast: float


_PROTOTYPES = {
    "종이": Look(hue=30, saturation=0.45, brightness=0.65, height_to_width=0.8, contrast=0.10),
    "종이팩": Look(hue=100, saturation=0.10, brightness=0.85, height_to_width=1.8, contrast=0.12),
    "무색페트병": Look(hue=205, saturation=0.15, brightness=0.80, height_to_width=3.0, contrast=0.08),
    "플라스틱류": Look(hue=350, saturation=0.70, brightness=0.80, height_to_width=1.6, contrast=0.12),
    "비닐류": Look(hue=50, saturation=0.20, brightness=0.85, height_to_width=1.2, contrast=0.06),
    "발포합성수지": Look(hue=60, saturation=0.02, brightness=0.92, height_to_width=0.6, contrast=0.06),
    "유리병": Look(hue=130, saturation=0.70, brightness=0.35, height_to_width=3.2, contrast=0.15),
    "금속류": Look(hue=210, saturation=0.06, brightness=0.65, height_to_width=1.8, contrast=0.20),
    "의류및원단": Look(hue=225, saturation=0.60, brightness=0.45, height_to_width=0.9, contrast=0.08),
    "전지": Look(hue=35, saturation=0.30, brightness=0.30, height_to_width=2.8, contrast=0.25),
    "조명제품": Look(hue=48, saturation=0.35, brightness=0.90, height_to_width=1.7, contrast=0.15),
    "전기전자제품": Look(hue=220, saturation=0.15, brightness=0.18, height_to_width=0.7, contrast=0.12),
}

RECYCLABLE_MIDDLES = tuple(_PROTOTYPES)

_WORDS = (
    (RECYCLABLE, "종이팩", ("종이팩", "우유팩", "carton", "milk")),
    (RECYCLABLE, "종이", ("종이", "paper", "cardboard", "box")),
    (RECYCLABLE, "무색페트병", ("페트", "생수", "pet-", "pet_", "pet.", "water")),
    (RECYCLABLE, "발포합성수지", ("스티로폼", "발포", "styrofoam", "foam")),
    (RECYCLABLE, "비닐류", ("비닐", "봉지", "vinyl", "bag")),
    (RECYCLABLE, "유리병", ("유리", "glass", "wine", "beer")),
    (RECYCLABLE, "금속류", ("금속", "캔", "metal", "steel", "alumin", "can.", "can-", "can_")),
    (RECYCLABLE, "의류및원단", ("의류", "원단", "cloth", "shirt", "fabric")),
    (RECYCLABLE, "조명제품", ("조명", "전구", "형광등", "bulb", "lamp")),
    (RECYCLABLE, "전지", ("전지", "배터리", "battery")),
    (RECYCLABLE, "전기전자제품", ("전자", "phone", "laptop", "electronic")),
    (RECYCLABLE, "플라스틱류", ("플라스틱", "plastic", "detergent")),
    ("음식물류폐기물", "음식물류폐기물", ("음식", "food", "fruit")),
    ("대형폐기물", "대형폐기물", ("대형", "가구", "sofa", "furniture")),
    ("불연성종량제폐기물", "불연성종량제폐기물", ("불연성", "도자기", "ceramic")),
    ("공사장생활폐기물", "공사장생활폐기물", ("공사장", "시멘트", "cement", "brick")),
    ("생활계유해폐기물", "생활계유해폐기물", ("유해", "의약품", "medicine", "pesticide")),
    ("일반종량제폐기물", "일반종량제폐기물", ("종량제", "tissue", "diaper")),
    ("미분류", "미분류", ("미분류", "unknown")),
)


def judge_picture(data: bytes) -> tuple[str, str]:
    """The major and the middle category of an encoded picture. Raises ``UnreadablePicture``."""
    return RECYCLABLE, judge_look(measure(data))


def judge_address(address: str) -> tuple[str, str]:
    """The categories that an address speaks of; without a word that is known, one that depends on the address only."""
    text = unquote(address).lower()
    for major, middle, words in _WORDS:
        if any(word in text for word in words):
            return major, middle
    return RECYCLABLE, RECYCLABLE_MIDDLES[zlib.crc32(text.encode()) % len(RECYCLABLE_MIDDLES)]


def judge_look(look: Look) -> str:
    """The recyclable middle category whose prototype is nearest."""
    return min(_PROTOTYPES, key=lambda middle: _distance(look, _PROTOTYPES[middle]))


def measure(data: bytes) -> Look:
    """Colour and shape of what stands out from the background. Raises ``UnreadablePicture``."""
    picture = _decode(data)
    thing = _outline(picture)
    left, top, right, bottom = thing.getbbox() or (0, 0, *picture.size)
    # Pillow cannot average over an empty mask: a picture of one colour is all thing.
    mask = thing if thing.getbbox() else None
    red, green, blue = (channel / 255 for channel in ImageStat.Stat(picture, mask).mean)
    hue, saturation, brightness = colorsys.rgb_to_hsv(red, green, blue)
    return Look(
        hue=hue * 360,
        saturation=saturation,
        brightness=brightness,
        height_to_width=(bottom - top) / (right - left),
        contrast=ImageStat.Stat(picture.convert("L"), mask).stddev[0] / 255,
    )


def _decode(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.draft("RGB", (_SIDE, _SIDE))
            picture.thumbnail((_SIDE, _SIDE))
            return ImageOps.exif_transpose(picture).convert("RGB")
    # Pillow's decoders also fail with errors of their own languages: SyntaxError for PNG, struct.error, zlib.error.
    except Exception as error:
        raise UnreadablePicture(str(error)) from error


def _outline(picture: Image.Image) -> Image.Image:
    """A mask of the pixels that differ from the median colour of the picture's edge."""
    edge = Image.new("L", picture.size, 255)
    margin = max(1, min(picture.size) // 16)
    edge.paste(0, (margin, margin, picture.width - margin, picture.height - margin))
    background = tuple(int(channel) for channel in ImageStat.Stat(picture, edge).median)
    difference = ImageChops.difference(picture, Image.new("RGB", picture.size, background))
    red, green, blue = difference.split()
    strongest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return strongest.point(lambda step: 255 if step > _BACKGROUND_DISTANCE else 0).filter(ImageFilter.MedianFilter(5))


def _distance(one: Look, other: Look) -> float:
    """Distance in the colour cone, in shape (a doubling of the height is a third of the cone) and in contrast."""
    return math.dist(_in_cone(one), _in_cone(other))


def _in_cone(look: Look) -> tuple[float, float, float, float, float]:
    angle = math.radians(look.hue)
    return (
        look.saturation * math.cos(angle),
        look.saturation * math.sin(angle),
        look.brightness,
        math.log2(look.height_to_width) / 3,
        look.contrast * 2,
    )
