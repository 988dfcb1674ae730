"""The page when something goes wrong: it says so in Korean, keeps the photo, and goes on by itself where it can."""

from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.cluster.clients import Model
from tests.cluster.pages import EVENTS, STATUS, SUBMIT, Refusal, ScanPage

REFUSED = {
    "status": "failed",
    "step": "scan",
    "progress": 0,
    "error": {"code": "model_rejected", "message": "이 사진은 분석할 수 없어요."},
}
NOTICE_MS = 5_000
"""A person should not wonder for longer whether the page still lives."""


def test_a_failed_scan_shows_the_reason_and_is_tried_again_with_the_same_photo(
    page: ScanPage, photo: Path, model: Model
) -> None:
    with model.set(fault="error500"):
        page.ask(photo)
        reason = page.expect_failure("답을 찾지 못했어요")
    status = page.tab.request.get(f"{page.address}/task/{page.tab.url.partition('=')[2]}/status").json()
    assert reason == status["error"]["message"], "the server knows the reason better than the page"

    page.press_until("#retry")
    page.tab.keyboard.press("Enter")
    page.expect_answer()
    failed, tried_again = page.submissions
    assert tried_again.form == failed.form, "another photo was sent"
    assert tried_again.key != failed.key, "the failed scan would be given back"


def test_a_photo_that_the_model_refuses_is_not_sent_again(page: ScanPage, photo: Path, model: Model) -> None:
    page.tab.route(EVENTS, lambda route: route.abort())
    page.tab.route(STATUS, lambda route: route.fulfill(json=REFUSED))
    page.ask(photo)
    assert page.expect_failure("답을 찾지 못했어요") == "이 사진은 분석할 수 없어요."
    assert page.find("#retry").is_hidden(), "the model would refuse it again"
    page.press_until("#restart")
    page.tab.keyboard.press("Space")
    expect(page.find("#start-title")).to_be_focused()


def test_a_scan_that_does_not_end_is_given_up_and_may_be_watched_further(
    page: ScanPage, photo: Path, model: Model
) -> None:
    page.tab.clock.install()
    page.open()
    with model.set(answer_seconds=6.0):
        page.ask(photo)
        page.expect_thing()
        page.tab.clock.fast_forward("04:50")
        expect(page.find("#notice")).to_contain_text("평소보다 오래")
        assert page.find("#failure").is_hidden(), "given up too early"
        reached = page.find("#bar").get_attribute("aria-valuenow")
        page.tab.clock.fast_forward("00:15")
        page.expect_failure("아직 답이 나오지 않았어요")
        expect(page.find("#retry")).to_be_visible()
        page.context.set_offline(True)
        page.press_until("#look")
        page.tab.keyboard.press("Enter")
        expect(page.find("#bar")).to_have_attribute("aria-valuenow", reached or "")
        expect(page.find("#thing")).to_be_visible()
        page.context.set_offline(False)
        page.expect_answer()
    assert len(page.submissions) == 1, "looking again must not make another scan"


def test_a_scan_that_was_given_up_can_be_sent_anew(page: ScanPage, photo: Path, model: Model) -> None:
    page.tab.clock.install()
    page.open()
    with model.set(vision_seconds=8.0):
        page.ask(photo)
        expect(page.find("#scan-title")).to_contain_text("확인하고")
        page.tab.clock.fast_forward("05:01")
        page.expect_failure("아직 답이 나오지 않았어요")
    page.find("#retry").click()
    page.expect_answer()
    given_up, anew = page.submissions
    assert (anew.form, anew.key == given_up.key) == (given_up.form, False)


def test_a_lost_connection_is_told_and_comes_back_by_itself(page: ScanPage, photo: Path, model: Model) -> None:
    with model.set(answer_seconds=4.0):
        page.ask(photo)
        page.expect_thing()
        before = page.find("#bar").get_attribute("aria-valuenow")
        page.context.set_offline(True)
        expect(page.find("#notice")).to_contain_text("연결이 끊겼어요", timeout=NOTICE_MS)
        expect(page.find("#bar")).to_have_attribute("aria-valuenow", before or "")
        page.context.set_offline(False)
        expect(page.find("#notice")).to_be_empty(timeout=NOTICE_MS)
        assert page.find("#answer").is_hidden(), "it was to come back before the end"
        page.expect_answer()
    assert len(page.submissions) == 1


def test_an_end_that_was_missed_is_shown_when_the_server_is_back(page: ScanPage, photo: Path, model: Model) -> None:
    with model.set(answer_seconds=5.0):
        page.ask(photo)
        page.expect_thing()
        # The stream stays open and mute, as behind a proxy that has lost its server.
        page.tab.route(STATUS, lambda route: route.abort("connectionrefused"))
        expect(page.find("#notice")).to_contain_text("연결이 끊겼어요", timeout=NOTICE_MS)
        page.tab.route(EVENTS, lambda route: route.abort("connectionrefused"))
        page.tab.wait_for_timeout(2_500)
        assert page.find("#answer").is_hidden(), "the end was not missed"
        page.tab.unroute(STATUS)
        expect(page.find("#answer")).to_be_visible(timeout=2 * NOTICE_MS)
    expect(page.find("#notice")).to_be_empty()


def test_a_stream_that_breaks_is_opened_again(page: ScanPage, photo: Path, model: Model) -> None:
    tries = count(1)

    def break_at_first(route: Route) -> None:
        if next(tries) <= 2:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.tab.route(EVENTS, break_at_first)
    with model.set(answer_seconds=2.0):
        page.ask(photo)
        page.expect_answer()
    assert next(tries) > 3, "no stream was opened after those that broke"


def test_without_any_stream_the_status_is_asked(page: ScanPage, photo: Path, model: Model) -> None:
    page.tab.route(EVENTS, Refusal(503, {"retry-after": "2"}, times=100))
    # Longer than the page goes on trying to open a stream.
    with model.set(answer_seconds=4.5):
        page.ask(photo)
        page.expect_answer()


def test_an_expired_scan_leads_back_to_the_start(page: ScanPage) -> None:
    for scan in ("00000000-0000-4000-8000-000000000000", "garbage", "../x?y#z"):
        page.open(f"#scan={scan}")
        page.expect_failure("결과를 볼 수 있는 시간이 지났어요", NOTICE_MS)
        assert page.find("#retry").is_hidden(), "there is no photo to send again"
        page.press_until("#restart")
        page.tab.keyboard.press("Enter")
        expect(page.find("#start-title")).to_be_focused()
        assert "#" not in page.tab.url, "a reload would show the expired scan again"


@pytest.mark.parametrize(
    ("status", "headers", "title"),
    [
        (429, {"retry-after": "2"}, "지금은 이용하는 사람이 많아요"),
        (503, {}, "서버에 문제가 생겼어요"),
    ],
    ids=["429 with a time", "503 without one"],
)
def test_a_server_that_cannot_now_gets_the_same_submission_later(
    page: ScanPage, photo: Path, model: Model, status: int, headers: dict[str, str], title: str
) -> None:
    page.tab.route(SUBMIT, Refusal(status, headers))
    page.ask(photo)
    text = page.expect_failure(title)
    assert ("2초 뒤에" in text) == ("retry-after" in headers)
    expect(page.find("#failure-photo")).to_be_visible()
    page.tab.evaluate("window.refused = Date.now()")
    with page.tab.expect_request(SUBMIT):
        page.find("#retry").click()
    waited = page.tab.evaluate("Date.now() - window.refused")
    if "retry-after" in headers:
        assert waited > 1_000, "the server asked for two seconds"
    page.expect_answer()
    first, second = page.submissions
    assert first == second, "with another key an answer that was lost would make two scans of one photo"


def test_a_server_that_cannot_be_reached_gets_the_same_submission_later(
    page: ScanPage, photo: Path, model: Model
) -> None:
    page.choose(photo)
    page.context.set_offline(True)
    page.find("#submit").click()
    page.expect_failure("연결할 수 없어요")
    page.context.set_offline(False)
    page.find("#retry").click()
    page.expect_answer()
    first, second = page.submissions
    assert first == second
