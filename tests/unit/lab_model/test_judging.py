import json
from pathlib import Path

import pytest

from lab.model.judging import RECYCLABLE, RECYCLABLE_MIDDLES, UnreadablePicture, judge_address, judge_picture

DATA = Path(__file__).parents[2] / "data"
PHOTOS: dict[str, str] = json.loads((DATA / "photos.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "middle"), PHOTOS.items(), ids=list(PHOTOS))
def test_a_good_photo_is_recognised_as_what_is_on_it(name: str, middle: str) -> None:
    assert judge_picture((DATA / name).read_bytes()) == (RECYCLABLE, middle)


def test_every_good_photo_is_described() -> None:
    drawn = {path.name for path in DATA.glob("*.jpg")}
    assert drawn == {name for name in PHOTOS if "/" not in name}, "other tests take every *.jpg as a known good photo"


@pytest.mark.parametrize(
    "name", ["empty.jpg", "text.jpg", "truncated.jpg", "start-only.jpg", "heic.jpg", "bomb.png", "no-pixels.png"]
)
def test_what_is_no_picture_is_said_to_be_unreadable(name: str) -> None:
    with pytest.raises(UnreadablePicture):
        judge_picture((DATA / "bad" / name).read_bytes())


@pytest.mark.parametrize(
    ("address", "category"),
    [
        ("https://example.com/old-paper-box.jpg", (RECYCLABLE, "종이")),
        ("https://example.com/%EC%A2%85%EC%9D%B4.png", (RECYCLABLE, "종이")),
        ("https://example.com/milk-carton.webp", (RECYCLABLE, "종이팩")),
        ("https://example.com/sofa", ("대형폐기물", "대형폐기물")),
        ("https://example.com/unknown", ("미분류", "미분류")),
    ],
)
def test_an_address_is_judged_by_its_words(address: str, category: tuple[str, str]) -> None:
    assert judge_address(address) == category


def test_an_address_without_a_known_word_always_gets_the_same_recyclable_category() -> None:
    major, middle = judge_address("https://example.com/7d0f.jpg")
    assert (major, middle) == judge_address("https://example.com/7d0f.jpg")
    assert major == RECYCLABLE
    assert middle in RECYCLABLE_MIDDLES
