"""The page without a mouse, without eyes, on a small phone, by day and by night; in every state that it can be in."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ViewportSize, expect

from tests.cluster.clients import Model
from tests.cluster.pages import EVENTS, PHONE, STATUS, ScanPage

SMALL_PHONE: ViewportSize = {"width": 320, "height": 568}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
STEPS = ["사진을 보내고 있어요", "사진 속 물건을 확인하고 있어요", "버리는 방법을 정리하고 있어요"]
"""Those that take long enough to be heard."""
LEAST_TARGET = 44
"""CSS pixels that a finger needs, each way."""

_TOO_SMALL = """least => [...document.querySelectorAll("a, button, input:not([type=file]), label[for]")]
    .filter(element => element.checkVisibility() && !element.matches(".field label"))
    .map(element => [element.id || element.htmlFor || element.textContent.trim(), element.getBoundingClientRect()])
    .filter(([, box]) => box.width < least || box.height < least)
    .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""
_TOO_WIDE = """() => document.documentElement.scrollWidth > document.documentElement.clientWidth"""
_HAS_RING = """() => [...document.querySelectorAll("*")].some(element => {
    const style = getComputedStyle(element);
    return style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2 && element.checkVisibility();
})"""


def chosen(page: ScanPage, photo: Path) -> None:
    page.choose(photo)


def refused_file(page: ScanPage, photo: Path) -> None:
    page.tab.set_input_files("#photo", __file__)
    expect(page.find("#photo-error")).not_to_be_empty()


def under_way(page: ScanPage, photo: Path) -> None:
    page.ask(photo)
    page.expect_thing()


def offline(page: ScanPage, photo: Path) -> None:
    under_way(page, photo)
    page.context.set_offline(True)
    expect(page.find("#notice")).not_to_be_empty()


def answered(page: ScanPage, photo: Path) -> None:
    page.ask(photo)
    page.expect_answer()


def failed(page: ScanPage, photo: Path) -> None:
    page.tab.route(EVENTS, lambda route: route.abort())
    page.tab.route(STATUS, lambda route: route.fulfill(json={"status": "failed", "step": "scan", "progress": 0}))
    page.ask(photo)
    page.expect_failure("답을 찾지 못했어요")


def timed_out(page: ScanPage, photo: Path) -> None:
    page.tab.clock.install()
    page.open()
    under_way(page, photo)
    page.tab.clock.fast_forward("05:01")
    page.expect_failure("아직 답이 나오지 않았어요")


def expired(page: ScanPage, photo: Path) -> None:
    page.open("#scan=garbage")
    page.expect_failure("결과를 볼 수 있는 시간이 지났어요")


def start(page: ScanPage, photo: Path) -> None:
    expect(page.find("#start")).to_be_visible()


STATES = [start, chosen, refused_file, under_way, offline, answered, failed, timed_out, expired]
LASTING = {under_way, offline, timed_out}
"""States of a scan that must not end while it is looked at."""


def axe_findings(page: ScanPage) -> str:
    found = Axe().run(page.tab)
    return found.generate_report() if found.violations_count else ""


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_state_can_be_read_and_used_by_everyone(
    page: ScanPage, photo: Path, model: Model, state: Callable[[ScanPage, Path], None]
) -> None:
    # Colours that are just fading into one another are nobody's fault.
    page.tab.emulate_media(reduced_motion="reduce")
    with model.set(answer_seconds=15.0 if state in LASTING else 0.3):
        state(page, photo)
    for size in (PHONE, DESKTOP):
        page.tab.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.tab.emulate_media(color_scheme=scheme)
            assert not axe_findings(page), f"{state.__name__} at {size['width']} px, {scheme}: {axe_findings(page)}"
    for size in (SMALL_PHONE, PHONE):
        page.tab.set_viewport_size(size)
        assert not page.tab.evaluate(_TOO_WIDE), f"scrolls sideways at {size['width']} px"
        assert page.tab.evaluate(_TOO_SMALL, LEAST_TARGET) == [], f"fingers miss these at {size['width']} px"
    page.tab.evaluate("document.documentElement.style.fontSize = '200%'")
    assert not page.tab.evaluate(_TOO_WIDE), "scrolls sideways with letters of twice the size"
    assert page.troubles == []


def test_a_person_gets_the_answer_with_the_keyboard_alone(page: ScanPage, photo: Path, model: Model) -> None:
    page.tab.set_viewport_size(DESKTOP)
    keyboard = page.tab.keyboard
    for stop in ("#home", "#photo", "#question"):
        keyboard.press("Tab")
        expect(page.find(stop)).to_be_focused()
        assert page.tab.evaluate(_HAS_RING), f"nothing shows that {stop} has the focus"

    keyboard.press("Shift+Tab")
    with page.tab.expect_file_chooser() as opened:
        keyboard.press("Space")
    opened.value.set_files(photo)
    expect(page.find("#preview")).to_be_visible()
    assert page.tab.evaluate(_HAS_RING), "nothing shows any more where the focus is"
    keyboard.press("Tab")
    keyboard.type("라벨도 떼야 하나요?")
    keyboard.press("Tab")
    expect(page.find("#submit")).to_be_focused()
    assert page.tab.evaluate(_HAS_RING)
    keyboard.press("Space")

    expect(page.find("#scan-title")).to_be_focused()
    page.press_until("#cancel")
    page.expect_answer()
    expect(page.find("#again")).to_be_focused()
    keyboard.press("Enter")
    expect(page.find("#start-title")).to_be_focused()


def test_a_screen_reader_is_told_each_step_and_the_answer(page: ScanPage, photo: Path, model: Model) -> None:
    page.tab.evaluate(
        """() => {
            window.told = [];
            const live = document.querySelector("[aria-live=polite]");
            const note = () => window.told.push(live.textContent);
            new MutationObserver(note).observe(live, { childList: true, characterData: true, subtree: true });
        }"""
    )
    with model.set(vision_seconds=1.0, answer_seconds=1.0):
        page.ask(photo)
        page.expect_answer()
    page.tab.wait_for_timeout(1_000)
    told = page.tab.evaluate("window.told")
    assert [text for text in told if text in STEPS] == STEPS, told
    assert any(text.startswith("사진 속 물건: ") for text in told), told
    assert page.find("#answer-text").inner_text() in told[-1], "the answer itself is not read out"
    expect(page.find("#bar")).to_have_attribute("aria-valuetext", "100% · 다 됐어요")


def test_nothing_moves_for_those_who_asked_for_it(page: ScanPage, photo: Path, model: Model) -> None:
    with model.set(answer_seconds=3.0):
        under_way(page, photo)
        moving = "document.getAnimations().filter(one => one.playState === 'running').length"
        assert page.tab.evaluate(moving) > 0, "this test looks for something that is not there"
        page.tab.emulate_media(reduced_motion="reduce")
        assert page.tab.evaluate(moving) == 0
