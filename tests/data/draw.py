"""Draws the good test photos: ``python tests/data/draw.py`` writes them beside itself, the same picture every time.

``*.jpg`` are photos of recyclable things, ``other/`` has good ones in other formats. ``spoil.py`` makes the bad ones.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageFilter

HERE = Path(__file__).parent

Colour = tuple[int, ...]
Stops = Sequence[tuple[float, Colour]]
Point = tuple[float, float]

_FINE = 2
"""Things are drawn at this multiple of their size and shrunk, which smooths their edges."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A table top seen from above in soft light: its colour, the grain's strength, and the photo's size in pixels."""

    size: tuple[int, int]
    table: Colour
    grain: float
    seed: int

    def with_thing(self, thing: Image.Image) -> Image.Image:
        """The photo of ``thing``, an RGBA layer of this scene's size at ``_FINE``, with its shadow."""
        thing = thing.resize(self.size, Image.Resampling.LANCZOS)
        photo = self._table()
        shadow = ImageChops.offset(thing.getchannel("A").filter(ImageFilter.GaussianBlur(18)), 14, 18)
        photo.paste(Image.new("RGB", self.size, (20, 18, 16)), mask=shadow.point(lambda alpha: int(alpha * 0.28)))
        photo.paste(thing, mask=thing.getchannel("A"))
        return self._with_noise(self._lit(photo).filter(ImageFilter.GaussianBlur(0.6)))

    def _table(self) -> Image.Image:
        width, height = self.size
        dice = random.Random(self.seed)
        streaks = Image.frombytes("L", (max(8, width // 40), height), dice.randbytes(max(8, width // 40) * height))
        streaks = streaks.resize(self.size, Image.Resampling.BICUBIC).filter(ImageFilter.BoxBlur(2))
        plain = Image.new("RGB", self.size, self.table)
        dark = plain.point(lambda step: int(step * (1 - self.grain)))
        return Image.composite(plain, dark, streaks)

    def _lit(self, photo: Image.Image) -> Image.Image:
        """Light from the upper left, and a little darkness in the corners."""
        vignette = Image.radial_gradient("L").resize(self.size).point(lambda step: 255 - int(step * 0.16))
        slope = Image.linear_gradient("L").rotate(35, expand=True).crop((90, 90, 270, 270)).resize(self.size)
        slope = slope.point(lambda step: 255 - int(step * 0.10))
        light = ImageChops.multiply(vignette, slope)
        return ImageChops.multiply(photo, Image.merge("RGB", (light, light, light)))

    def _with_noise(self, photo: Image.Image) -> Image.Image:
        width, height = self.size
        speckle = Image.frombytes("L", self.size, random.Random(self.seed + 1).randbytes(width * height))
        speckle = speckle.filter(ImageFilter.GaussianBlur(0.8)).point(lambda step: 128 + (step - 128) // 14)
        return ImageChops.add(photo, Image.merge("RGB", (speckle, speckle, speckle)), offset=-128)


def blank(size: tuple[int, int]) -> Image.Image:
    """An empty layer for a scene of this size."""
    return Image.new("RGBA", (size[0] * _FINE, size[1] * _FINE))


def turned(size: tuple[int, int], profile: Sequence[Point], stops: Stops) -> Image.Image:
    """A round thing, upright in the middle of its layer, as if made on a lathe.

    ``profile`` gives half widths at heights, both as shares of the layer's height, from the top down; ``stops`` the
    colours from its left edge to its right one.
    """
    layer = blank(size)
    strip = _strip(stops)
    middle, height = layer.width // 2, layer.height
    for row in range(int(profile[0][0] * height), int(profile[-1][0] * height)):
        half = max(1, int(_between(profile, row / height, smooth=True) * height))
        layer.paste(strip.resize((2 * half, 1)), (middle - half, row))
    return layer


def shape(layer: Image.Image, corners: Sequence[Point], stops: Stops) -> None:
    """Paints a polygon, its corners as shares of the layer's width and height, shaded from left to right."""
    points = [(x * layer.width, y * layer.height) for x, y in corners]
    mask = Image.new("L", layer.size)
    ImageDraw.Draw(mask).polygon(points, fill=255)
    left, top, right, bottom = mask.getbbox() or (0, 0, *layer.size)
    shading = _strip(stops).resize((right - left, bottom - top))
    area = Image.new("RGBA", layer.size)
    area.paste(shading, (left, top))
    layer.paste(Image.alpha_composite(layer, area), mask=mask)


def _strip(stops: Stops) -> Image.Image:
    strip = Image.new("RGBA", (256, 1))
    for x in range(256):
        channels = zip(*(_alpha(colour) for _, colour in stops), strict=True)
        places = [place for place, _ in stops]
        strip.putpixel((x, 0), tuple(int(_between(list(zip(places, one, strict=True)), x / 255)) for one in channels))
    return strip


def _alpha(colour: Colour) -> Colour:
    return colour if len(colour) == 4 else (*colour, 255)


def _between(points: Sequence[Point], x: float, smooth: bool = False) -> float:
    """The value at ``x`` on the line through ``points``; ``smooth`` rounds its corners."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= x <= x1:
            share = (x - x0) / (x1 - x0)
            return y0 + (y1 - y0) * (share * share * (3 - 2 * share) if smooth else share)
    return points[-1][1]


PORTRAIT = (900, 1200)
LANDSCAPE = (1280, 960)
WOOD_DARK = (104, 74, 52)
WOOD = (176, 138, 98)
LINEN = (226, 220, 208)


def pet_bottle() -> Image.Image:
    body = [(0.10, 0.036), (0.17, 0.038), (0.30, 0.112), (0.50, 0.115), (0.52, 0.105), (0.54, 0.115), (0.59, 0.115)]
    body += [(0.61, 0.105), (0.63, 0.115), (0.68, 0.115), (0.70, 0.105), (0.72, 0.115), (0.88, 0.115), (0.915, 0.098)]
    water = [(0, (172, 200, 218, 235)), (0.12, (232, 244, 250, 235)), (0.3, (190, 216, 232, 215))]
    water += [(0.62, (200, 224, 238, 215)), (0.78, (250, 253, 255, 245)), (1, (158, 190, 212, 240))]
    layer = turned(PORTRAIT, body, water)
    cap = turned(
        PORTRAIT,
        [(0.08, 0.040), (0.09, 0.043), (0.13, 0.043)],
        [(0, (170, 196, 214)), (0.3, (240, 247, 251)), (1, (160, 190, 210))],
    )
    return _scene(PORTRAIT, WOOD_DARK, 3).with_thing(Image.alpha_composite(layer, cap))


def glass_bottle() -> Image.Image:
    body = [(0.08, 0.034), (0.105, 0.035), (0.112, 0.028), (0.28, 0.031), (0.44, 0.104), (0.90, 0.106), (0.93, 0.098)]
    green = [(0, (10, 44, 26)), (0.14, (34, 110, 62)), (0.2, (120, 190, 140)), (0.26, (30, 104, 58))]
    green += [(0.55, (18, 84, 46)), (0.8, (26, 96, 54)), (0.92, (70, 150, 96)), (1, (8, 36, 22))]
    return _scene(PORTRAIT, LINEN, 5).with_thing(turned(PORTRAIT, body, green))


def can() -> Image.Image:
    body = [(0.24, 0.100), (0.25, 0.112), (0.255, 0.106), (0.29, 0.128), (0.75, 0.128), (0.79, 0.112), (0.80, 0.104)]
    metal = [(0, (84, 88, 94)), (0.1, (182, 186, 190)), (0.22, (250, 251, 252)), (0.34, (150, 154, 160))]
    metal += [(0.52, (196, 200, 204)), (0.7, (108, 112, 118)), (0.86, (224, 227, 230)), (1, (76, 80, 86))]
    layer = turned(PORTRAIT, body, metal)
    band = turned(PORTRAIT, [(0.44, 0.128), (0.56, 0.128)], [(place, _darker(colour)) for place, colour in metal])
    return _scene(PORTRAIT, WOOD, 7).with_thing(Image.alpha_composite(layer, band))


def cardboard_box() -> Image.Image:
    layer = blank(LANDSCAPE)
    shape(layer, [(0.20, 0.40), (0.60, 0.44), (0.60, 0.84), (0.20, 0.76)], [(0, (176, 132, 84)), (1, (196, 152, 102))])
    shape(layer, [(0.60, 0.44), (0.80, 0.36), (0.80, 0.70), (0.60, 0.84)], [(0, (148, 108, 66)), (1, (134, 96, 58))])
    shape(layer, [(0.20, 0.40), (0.42, 0.33), (0.80, 0.36), (0.60, 0.44)], [(0, (118, 84, 50)), (1, (142, 104, 66))])
    shape(layer, [(0.20, 0.40), (0.10, 0.31), (0.33, 0.24), (0.42, 0.33)], [(0, (206, 164, 114)), (1, (190, 146, 98))])
    shape(layer, [(0.80, 0.36), (0.42, 0.33), (0.46, 0.22), (0.84, 0.25)], [(0, (184, 140, 92)), (1, (204, 160, 110))])
    shape(
        layer,
        [(0.385, 0.419), (0.425, 0.423), (0.425, 0.805), (0.385, 0.797)],
        [(0, (208, 178, 130)), (1, (214, 186, 140))],
    )
    return _scene(LANDSCAPE, LINEN, 9).with_thing(layer)


def detergent_bottle() -> Image.Image:
    body = [(0.22, 0.050), (0.24, 0.052), (0.26, 0.050), (0.40, 0.150), (0.86, 0.150), (0.90, 0.135)]
    red = [
        (0, (120, 14, 34)),
        (0.15, (206, 36, 62)),
        (0.25, (240, 116, 132)),
        (0.36, (214, 40, 66)),
        (1, (126, 14, 36)),
    ]
    layer = turned(PORTRAIT, body, red)
    cap = turned(
        PORTRAIT, [(0.12, 0.052), (0.22, 0.060)], [(0, (150, 20, 44)), (0.25, (246, 150, 160)), (1, (140, 18, 40))]
    )
    return _scene(PORTRAIT, LINEN, 11).with_thing(Image.alpha_composite(layer, cap))


def styrofoam_box() -> Image.Image:
    layer = blank(LANDSCAPE)
    shape(layer, [(0.16, 0.42), (0.66, 0.46), (0.66, 0.82), (0.16, 0.74)], [(0, (238, 239, 240)), (1, (246, 247, 247))])
    shape(layer, [(0.66, 0.46), (0.86, 0.38), (0.86, 0.70), (0.66, 0.82)], [(0, (216, 218, 220)), (1, (206, 208, 211))])
    shape(layer, [(0.14, 0.36), (0.40, 0.28), (0.88, 0.32), (0.67, 0.40)], [(0, (252, 252, 252)), (1, (244, 245, 246))])
    shape(layer, [(0.14, 0.36), (0.67, 0.40), (0.67, 0.47), (0.14, 0.43)], [(0, (226, 228, 230)), (1, (236, 237, 238))])
    shape(layer, [(0.67, 0.40), (0.88, 0.32), (0.88, 0.39), (0.67, 0.47)], [(0, (204, 206, 209)), (1, (196, 198, 202))])
    return _scene(LANDSCAPE, WOOD_DARK, 13).with_thing(layer)


def milk_carton() -> Image.Image:
    layer = blank(PORTRAIT)
    shape(layer, [(0.28, 0.36), (0.60, 0.38), (0.60, 0.90), (0.28, 0.86)], [(0, (240, 243, 240)), (1, (250, 251, 249))])
    shape(layer, [(0.60, 0.38), (0.74, 0.35), (0.74, 0.83), (0.60, 0.90)], [(0, (206, 214, 207)), (1, (194, 203, 196))])
    shape(layer, [(0.28, 0.36), (0.36, 0.22), (0.66, 0.22), (0.60, 0.38)], [(0, (230, 236, 230)), (1, (244, 247, 243))])
    shape(layer, [(0.60, 0.38), (0.66, 0.22), (0.74, 0.35)], [(0, (180, 190, 182)), (1, (168, 178, 170))])
    shape(layer, [(0.36, 0.22), (0.36, 0.16), (0.66, 0.16), (0.66, 0.22)], [(0, (236, 240, 236)), (1, (222, 228, 223))])
    shape(layer, [(0.28, 0.62), (0.60, 0.65), (0.60, 0.74), (0.28, 0.71)], [(0, (96, 168, 104)), (1, (112, 184, 120))])
    shape(layer, [(0.60, 0.65), (0.74, 0.61), (0.74, 0.69), (0.60, 0.74)], [(0, (78, 140, 86)), (1, (70, 130, 78))])
    return _scene(PORTRAIT, WOOD_DARK, 15).with_thing(layer)


def shirt() -> Image.Image:
    layer = blank(LANDSCAPE)
    outline = [(0.38, 0.16), (0.30, 0.20), (0.12, 0.42), (0.22, 0.54), (0.30, 0.45), (0.30, 0.88), (0.70, 0.88)]
    outline += [(0.70, 0.45), (0.78, 0.54), (0.88, 0.42), (0.70, 0.20), (0.62, 0.16), (0.56, 0.22), (0.44, 0.22)]
    folds = [(0, (38, 52, 112)), (0.25, (54, 72, 140)), (0.4, (44, 60, 124)), (0.6, (60, 80, 150)), (1, (34, 48, 104))]
    shape(layer, outline, folds)
    return _scene(LANDSCAPE, LINEN, 17).with_thing(layer)


def light_bulb() -> Image.Image:
    glass = [(0.14 + 0.19 * (1 - math.cos(turn / 24)), 0.184 * math.sin(turn / 24)) for turn in range(1, 38)]
    glass += [(0.46, 0.142), (0.60, 0.084), (0.66, 0.078)]
    warm = [
        (0, (206, 176, 104)),
        (0.2, (252, 236, 178)),
        (0.4, (255, 250, 222)),
        (0.7, (252, 228, 156)),
        (1, (200, 166, 92)),
    ]
    socket = [(0.66, 0.078), (0.69, 0.080), (0.70, 0.072), (0.73, 0.078), (0.74, 0.070), (0.77, 0.074), (0.82, 0.040)]
    metal = [(0, (96, 92, 84)), (0.25, (226, 222, 212)), (0.55, (150, 146, 138)), (1, (88, 84, 76))]
    layer = Image.alpha_composite(turned(PORTRAIT, glass, warm), turned(PORTRAIT, socket, metal))
    return _scene(PORTRAIT, WOOD_DARK, 19).with_thing(layer)


def _scene(size: tuple[int, int], table: Colour, seed: int) -> Scene:
    return Scene(size=size, table=table, grain=0.14 if table in (WOOD, WOOD_DARK) else 0.05, seed=seed)


def _darker(colour: Colour) -> Colour:
    return tuple(int(channel * 0.72) for channel in colour)


GOOD: dict[str, Callable[[], Image.Image]] = {
    "pet-bottle.jpg": pet_bottle,
    "glass-bottle.jpg": glass_bottle,
    "can.jpg": can,
    "cardboard-box.jpg": cardboard_box,
    "detergent-bottle.jpg": detergent_bottle,
    "styrofoam-box.jpg": styrofoam_box,
    "milk-carton-sideways-gps.jpg": milk_carton,
    "other/shirt.webp": shirt,
    "other/light-bulb.png": light_bulb,
}
"""Each good photo and who draws it; ``photos.json`` says what is on it."""


def _location_exif() -> Image.Exif:
    """A camera's notes: the picture has to be turned by 90 degrees, and where it was taken."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef], place[ExifTags.GPS.GPSLatitude] = "N", (37.0, 33.0, 59.0)
    place[ExifTags.GPS.GPSLongitudeRef], place[ExifTags.GPS.GPSLongitude] = "E", (126.0, 58.0, 41.0)
    return exif


def main() -> None:
    (HERE / "other").mkdir(exist_ok=True)
    for name, draw in GOOD.items():
        photo = draw()
        match Path(name).suffix:
            case ".png":
                photo.reduce(2).quantize(64).save(HERE / name, optimize=True)
            case ".webp":
                photo.save(HERE / name, quality=84)
            case _ if "sideways" in name:
                turned_photo = photo.transpose(Image.Transpose.ROTATE_90)
                turned_photo.save(HERE / name, quality=84, exif=_location_exif())
            case _:
                photo.save(HERE / name, quality=84)


if __name__ == "__main__":
    main()
