"""Asking for a scan, as a client sees it."""

import io
from typing import Any

import pytest
from PIL import Image
from redis.exceptions import ConnectionError, OutOfMemoryError

from app.state.scans import Acceptance, NotOnDisk
from tests.unit.app.conftest import Api

ADDRESS = {"image_url": "https://example.com/can.jpg", "user_input": " 이건 뭔가요? "}


def photo(color: str = "red") -> dict[str, Any]:
    file = io.BytesIO()
    Image.new("RGB", (40, 40), color).save(file, "PNG")
    return {"files": {"image": ("photo.png", file.getvalue())}}


def form_in(content_type: str) -> dict[str, Any]:
    """A form with a photo and a text, whose header says what the client likes."""
    disposition = b"--b\r\nContent-Disposition: form-data; name="
    text = disposition + b"user_input\r\n\r\n" + "캔".encode() + b"\r\n"
    image = disposition + b'image; filename="a"\r\n\r\n' + photo()["files"]["image"][1] + b"\r\n--b--\r\n"
    return {"content": text + image, "headers": {"Content-Type": f"multipart/form-data; {content_type}"}}


def assert_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["type"].startswith("urn:eco2:problem:")
    assert document["detail"].endswith((".", "?")) or "errors" in document, "a sentence helps, a keyword does not"
    return document


def test_a_photo_is_taken_in_and_answered_at_once(api: Api) -> None:
    response = api.post(**photo(), data={"user_input": "뚜껑은요?"})
    assert response.status_code == 202
    [(task_id, scan)] = api.scans.scans.items()
    status_url = f"/task/{task_id}/status"
    assert response.json() == {"task_id": task_id, "status_url": status_url, "events_url": f"/task/{task_id}/events"}
    assert response.headers["location"] == status_url
    assert (scan.user, scan.user_input, scan.image_url) == ("u1", "뚜껑은요?", None)
    assert Image.open(io.BytesIO(scan.photo or b"")).format == "JPEG"


@pytest.mark.parametrize("header", ["boundary=b", 'charset="UTF-8"; boundary=b', "boundary=b; charset=utf-8"])
def test_a_form_may_say_that_it_is_utf_8(api: Api, header: str) -> None:
    assert api.post(**form_in(header)).status_code == 202
    [scan] = api.scans.scans.values()
    assert scan.user_input == "캔"


def test_a_pictures_address_is_taken_in_as_it_is(api: Api) -> None:
    assert api.post(json=ADDRESS).status_code == 202
    [scan] = api.scans.scans.values()
    assert (scan.image_url, scan.user_input, scan.photo) == (ADDRESS["image_url"], "이건 뭔가요?", None)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param({"headers": {"X-User-ID": ""}, "json": ADDRESS}, 400, id="empty user"),
        pytest.param({"headers": {"X-User-ID": "a b"}, "json": ADDRESS}, 400, id="user with a space"),
        pytest.param({"headers": {"X-User-ID": "a" * 129}, "json": ADDRESS}, 400, id="user too long"),
        pytest.param({"headers": {"Idempotency-Key": "a b"}, "json": ADDRESS}, 400, id="key with a space"),
        pytest.param({}, 415, id="nothing at all"),
        pytest.param({"content": b"\xff\xd8", "headers": {"Content-Type": "image/jpeg"}}, 415, id="a bare photo"),
        pytest.param({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, id="broken JSON"),
        pytest.param({"content": b"[" * 9999, "headers": {"Content-Type": "application/json"}}, 400, id="deep JSON"),
        pytest.param({"json": []}, 422, id="JSON without fields"),
        pytest.param({"json": {}}, 422, id="no address"),
        pytest.param({"json": ADDRESS | {"x": 1}}, 422, id="unknown JSON field"),
        pytest.param({"json": ADDRESS | {"user_input": "x" * 501}}, 422, id="text too long"),
        pytest.param({"json": {"image_url": "https://10.0.0.1/a.jpg"}}, 422, id="private address"),
        pytest.param({"json": ADDRESS | {"user_input": "x" * 20_000}}, 413, id="JSON too large"),
        pytest.param({"files": {"photo": ("a.jpg", b"x")}}, 422, id="photo in another field"),
        pytest.param({"files": {"image": (None, "x")}}, 422, id="photo as a text"),
        pytest.param({**photo(), "data": {"x": "1"}}, 422, id="unknown form field"),
        pytest.param({**photo(), "data": {"user_input": "x" * 501}}, 422, id="form text too long"),
        pytest.param({"files": [("image", ("a", b"x")), ("image", ("b", b"x"))]}, 400, id="two photos"),
        pytest.param({"files": {"image": ("a.jpg", b"")}}, 422, id="empty photo"),
        pytest.param({"files": {"image": ("a.jpg", b"text")}}, 415, id="text named .jpg"),
        pytest.param({"files": {"image": ("a.jpg", b"x" * 11_000_000)}}, 413, id="11 MB"),
        pytest.param(
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, id="form without a boundary"
        ),
        pytest.param(
            {"content": b"xy", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 400, id="broken form"
        ),
        pytest.param(form_in("boundary=wrong"), 400, id="wrong boundary"),
        pytest.param(form_in("boundary=b; charset=unicode_escape"), 415, id="encoding that makes no characters"),
        pytest.param(form_in("charset=utf-8; boundary=b; charset*=nope"), 415, id="two encodings"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong_and_leaves_nothing_behind(
    api: Api, request_: dict[str, Any], status: int
) -> None:
    assert_problem(api.post(**request_), status)
    assert not api.scans.scans


def test_a_request_without_a_user_names_the_header(api: Api) -> None:
    document = assert_problem(api.client.post("/classify/async", json=ADDRESS), 400)
    assert document["errors"][0]["location"] == "header.X-User-ID"


@pytest.mark.parametrize(
    ("fault", "status"),
    [(ConnectionError(), 503), (NotOnDisk(), 503), (OutOfMemoryError("OOM"), 429)],
)
def test_a_store_in_trouble_asks_for_patience(api: Api, fault: Exception, status: int) -> None:
    api.scans.fault = fault
    response = api.post(json=ADDRESS)
    assert_problem(response, status)
    assert int(response.headers["retry-after"]) > 0


def test_a_full_outbox_and_a_full_store_ask_for_patience(api: Api) -> None:
    api.scans.acceptance = Acceptance.OUTBOX_FULL
    assert_problem(api.post(json=ADDRESS), 429)
    api.memory.is_full = True
    response = api.post(json=ADDRESS)
    assert_problem(response, 429)
    assert int(response.headers["retry-after"]) > 0


def test_a_repeated_request_gets_the_first_ones_scan(api: Api) -> None:
    key = {"Idempotency-Key": "k1"}
    first, second = api.post(**photo(), headers=key), api.post(**photo(), headers=key)
    assert (second.status_code, second.json()) == (202, first.json())
    assert len(api.scans.scans) == 1, "the same photo would be paid for twice"


def test_a_key_belongs_to_its_user(api: Api) -> None:
    key = {"Idempotency-Key": "k1"}
    first = api.post(json=ADDRESS, headers=key)
    second = api.post(json=ADDRESS, headers=key | {"X-User-ID": "u2"})
    assert first.json()["task_id"] != second.json()["task_id"], "one user would see another one's scan"


@pytest.mark.parametrize("other", [photo("blue"), {"json": ADDRESS}])
def test_a_key_that_is_used_for_something_else_is_refused(api: Api, other: dict[str, Any]) -> None:
    key = {"Idempotency-Key": "k1"}
    api.post(**photo(), headers=key)
    assert_problem(api.post(**other, headers=key), 422)


def test_a_key_whose_first_use_is_under_way_is_a_conflict(api: Api) -> None:
    api.scans.acceptance = Acceptance.CLAIM_LOST
    assert_problem(api.post(json=ADDRESS, headers={"Idempotency-Key": "k1"}), 409)


@pytest.mark.parametrize("fault", [None, ConnectionError()])
def test_a_key_is_free_again_after_a_failed_first_use(api: Api, fault: Exception | None) -> None:
    key = {"Idempotency-Key": "k1"}
    api.scans.fault = fault
    assert api.post(headers=key, **({"json": ADDRESS} if fault else {"json": {}})).status_code in (422, 503)
    api.scans.fault = None
    assert api.post(json=ADDRESS, headers=key).status_code == 202, "a client that corrects itself would be locked out"
