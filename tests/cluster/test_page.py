"""The web page in a real browser: choose a photo, watch the bar, read the answer."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.cluster.clients import ROOT, Model, Scans

LABELS = ["확인", "분석", "배출방법", "완료"]
# The browser talks to the lab alone: every service of its own that would call out is off.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, scans: Scans) -> Iterator[Page]:
    context = browser.new_context(locale="ko-KR", viewport={"width": 390, "height": 844})
    opened = context.new_page()
    opened.goto(str(scans.http.base_url))
    yield opened
    context.close()


def test_a_person_gets_the_answer_for_a_photo(page: Page, photo: Path, model: Model) -> None:
    with model.set(vision_seconds=1.5, answer_seconds=1.5):
        page.set_input_files("#photo", photo)
        page.locator("#submit").click()
        for label in LABELS:
            expect(page.locator("#stages").get_by_text(label, exact=True)).to_be_visible()
        expect(page.locator("#thing")).not_to_be_empty(timeout=20_000)
        assert page.locator("#answer").is_hidden(), "what was recognised is shown before the answer is there"
        expect(page.locator("#answer")).to_be_visible(timeout=30_000)
    page.screenshot(path=ROOT / ".lab" / "page.png", full_page=True)
    assert page.locator("#bar").get_attribute("aria-valuenow") == "100"
    assert page.locator("#how-steps li").count() >= 1, "the steps of disposal are not shown"


def test_a_reload_in_the_middle_loses_nothing(page: Page, photo: Path, model: Model) -> None:
    with model.set(answer_seconds=3.0):
        page.set_input_files("#photo", photo)
        page.locator("#submit").click()
        expect(page.locator("#thing")).not_to_be_empty(timeout=20_000)
        page.reload()
        expect(page.locator("#answer")).to_be_visible(timeout=30_000)


def test_a_letter_named_jpg_is_refused_in_korean(page: Page, tmp_path: Path) -> None:
    letter = tmp_path / "letter.jpg"
    letter.write_text("not a photo")
    page.set_input_files("#photo", letter)
    page.locator("#submit").click()
    title = page.locator("#failure-title")
    expect(title).to_be_visible()
    assert any("가" <= character <= "힣" for character in title.inner_text())
