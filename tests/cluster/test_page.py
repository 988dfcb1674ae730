"""The web page in a real browser: choose a photo, watch the bar, read the answer."""

import time
from pathlib import Path

from playwright.sync_api import Route, expect

from tests.cluster.clients import ROOT, Model
from tests.cluster.pages import SUBMIT, ScanPage, is_korean

LABELS = ["확인", "분석", "배출방법", "완료"]
_RECORD_BAR = """() => {
    window.bar = [];
    const look = () => {
        const fill = new DOMMatrix(getComputedStyle(document.getElementById("fill")).transform).a;
        window.bar.push([Number(document.getElementById("bar").ariaValueNow), fill]);
        requestAnimationFrame(look);
    };
    document.getElementById("submit").addEventListener("click", () => setTimeout(look));
}"""
"""Notes at each frame what the bar tells (per cent) and shows (a share of its width)."""


def slowly(route: Route) -> None:
    """As from a phone in a cellar."""
    time.sleep(1.5)
    route.continue_()


def test_a_person_gets_the_answer_for_a_photo(page: ScanPage, photo: Path, model: Model) -> None:
    page.tab.evaluate(_RECORD_BAR)
    page.tab.route(SUBMIT, slowly)
    with model.set(vision_seconds=1.5, answer_seconds=1.5):
        page.ask(photo)
        for label in LABELS:
            expect(page.find("#stages").get_by_text(label, exact=True)).to_be_visible()
        page.expect_thing()
        assert page.find("#answer").is_hidden(), "what was recognised is shown before the answer is there"
        page.expect_answer()
    page.tab.screenshot(path=ROOT / ".lab" / "page.png", full_page=True)
    told, shown = zip(*page.tab.evaluate("window.bar"), strict=True)
    assert list(told) == sorted(told), "progress went backwards"
    assert list(shown) == sorted(shown), "the bar went backwards"
    assert page.troubles == []


def test_a_reload_in_the_middle_loses_nothing(page: ScanPage, photo: Path, model: Model) -> None:
    with model.set(answer_seconds=3.0):
        page.ask(photo)
        page.expect_thing()
        page.tab.reload()
        expect(page.find("#scan-photo")).to_be_visible()
        page.expect_answer()


def test_a_letter_named_jpg_is_refused_in_korean(page: ScanPage, tmp_path: Path) -> None:
    letter = tmp_path / "letter.jpg"
    letter.write_text("not a photo")
    page.ask(letter)
    page.expect_failure("사진을 읽을 수 없어요")
    assert page.find("#retry").is_hidden(), "the same file would be refused again"


def test_a_file_that_is_no_picture_is_not_even_sent(page: ScanPage, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a photo")
    page.tab.set_input_files("#photo", text)
    expect(page.find("#photo-error")).not_to_be_empty()
    assert is_korean(page.find("#photo-error").inner_text().replace("JPEG, PNG, WebP", ""))
    expect(page.find("#submit")).to_be_disabled()
    assert page.submissions == []
