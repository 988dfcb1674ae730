"""What no client should send, by mistake or by intent: a problem document with a sentence that helps, and no scan."""

import runpy
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.clients import ROOT, Scans, Shell
from tests.cluster.processes import memory_within, running
from tests.cluster.wire import Answer, wire

USER = {"X-User-ID": "tester"}
ADDRESS = "https://x.example.com/a.jpg"
MIB = 1024 * 1024
ELEVEN_MEGABYTES = runpy.run_path(str(ROOT / "tests" / "data" / "spoil.py"))["oversized_jpeg"]()
"""A good photo but for its size: refused for that alone."""
GOOD_PHOTO = (ROOT / "tests" / "data" / "can.jpg").read_bytes()


def image(content: bytes, name: str = "photo.jpg", **fields: str) -> dict[str, Any]:
    return {"files": {"image": (name, content, "image/jpeg")}, "data": fields, "headers": USER}


def by_url(image_url: str, **fields: Any) -> dict[str, Any]:
    return {"json": {"image_url": image_url, **fields}, "headers": USER}


def sent_as(content_type: str, content: bytes) -> dict[str, Any]:
    return {"content": content, "headers": {**USER, "Content-Type": content_type}}


MISTAKES = {
    "no file": ({"data": {"note": "x"}, "files": {"other": b"x"}, "headers": USER}, 422),
    "no body": ({"headers": USER}, 415),
    "11 MB": (image(ELEVEN_MEGABYTES), 413),
    "unknown field in a form": (image(GOOD_PHOTO, note="x"), 422),
    "a text too long in a form": (image(GOOD_PHOTO, user_input="가" * 501), 422),
    "two photos": ({"files": [("image", GOOD_PHOTO), ("image", GOOD_PHOTO)], "headers": USER}, 400),
    "5000 fields": (image(GOOD_PHOTO, **{f"field{number}": "x" for number in range(5000)}), 400),
    "wrong boundary": (sent_as("multipart/form-data; boundary=a", b"--b\r\n\r\nx\r\n--b--\r\n"), 400),
    "no boundary": (sent_as("multipart/form-data", b"--b\r\n\r\nx\r\n--b--\r\n"), 400),
    "form in another encoding": (sent_as("multipart/form-data; boundary=b; charset=utf-7", b"--b--\r\n"), 415),
    "wrong content type": (sent_as("text/plain", b"a=b"), 415),
    "a bare photo": (sent_as("image/jpeg", GOOD_PHOTO), 415),
    "broken JSON": (sent_as("application/json", b"{"), 400),
    "compressed JSON": (sent_as("application/json", b"\x1f\x8b\x08\x00\x00\x00\x00\x00"), 400),
    "deeply nested JSON": (sent_as("application/json", b"[" * 10_000), 400),
    "half a character in JSON": (sent_as("application/json", b'{"image_url": "https://a.bc/\\ud800"}'), 422),
    "large JSON": (by_url(ADDRESS, user_input="x" * 20_000), 413),
    "unknown field in JSON": (by_url(ADDRESS, note="x"), 422),
    "no user": ({"json": {"image_url": ADDRESS}}, 400),
    "malformed user": ({"json": {"image_url": ADDRESS}, "headers": {"X-User-ID": "a b"}}, 400),
    "malformed key": ({"json": {"image_url": ADDRESS}, "headers": {**USER, "Idempotency-Key": "a b"}}, 400),
    "http image_url": (by_url("http://x.example.com/a.jpg"), 422),
    "private image_url": (by_url("https://192.168.0.1/a.jpg"), 422),
    "loopback image_url": (by_url("https://127.0.0.1/a.jpg"), 422),
    "loopback image_url in other figures": (by_url("https://0x7f.1/a.jpg"), 422),
    "image_url in the cluster": (by_url("https://redis.redis.svc/a.jpg"), 422),
    "credentials in image_url": (by_url("https://me:secret@x.example.com/a.jpg"), 422),
}
BAD_FILES = sorted((ROOT / "tests" / "data" / "bad").iterdir())
STATUS_OF_BAD_FILES = {
    "bomb.png": 422,
    "drawing.svg": 415,
    "empty.jpg": 422,
    "heic.jpg": 415,
    "no-pixels.png": 422,
    "picture.gif": 415,
    "start-only.jpg": 422,
    "text.jpg": 415,
    "truncated.jpg": 422,
}
RAW = {
    "100 kB of headers": (b"GET /livez HTTP/1.1\r\n" + b"X-Padding: %b\r\n" % (b"x" * 1000) * 100 + b"\r\n", 431),
    "a header of 100 kB": (b"GET /livez HTTP/1.1\r\nX-Padding: %b\r\n\r\n" % (b"x" * 100_000), 431),
    "a URL of 100 kB": (b"GET /%b HTTP/1.1\r\n\r\n" % (b"x" * 100_000), 431),
    "50 MB without an end of a line": (b"GET /livez HTTP/1.1\r\nX-Padding: " + b"x" * 50 * MIB, 431),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), 400),
    "text": (b"Dear API,\r\nwhat is this?\r\n\r\n", 400),
    "bytes in a path": (b"GET /\xff\xfe HTTP/1.1\r\n\r\n", 400),
    "NUL in a header": (b"GET /livez HTTP/1.1\r\nX-User-ID: a\x00b\r\n\r\n", 400),
    "chunks that are none": (
        b"POST /classify/async HTTP/1.1\r\nX-User-ID: a\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nnot a length\r\n",
        400,
    ),
}
MALFORMED_IDS = ["00000000-0000-4000-8000-000000000000", "not-a-uuid", "%00", "%ff%fe", "..%2f..", "*", "a" * 20_000]
HEAD_SECONDS = 10
SLOW_BODY = (
    b"POST /classify/async HTTP/1.1\r\nX-User-ID: slow\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999\r\n\r\n--b\r\n"
)


@pytest.fixture(scope="module", autouse=True)
def memory_stays_bounded(shell: Shell) -> Iterator[None]:
    [pod] = shell.pods("scan", "scan-api")
    with memory_within(200 * MIB, running("python", pod["metadata"]["uid"])):
        yield


def accepted(scans: Scans) -> float:
    lines = scans.http.get("/metrics").text.splitlines()
    [count] = [line.split()[1] for line in lines if line.startswith("scans_accepted_total ")]
    return float(count)


@pytest.fixture(autouse=True)
def nothing_is_accepted(scans: Scans) -> Iterator[None]:
    before = accepted(scans)
    yield
    assert accepted(scans) == before, "a scan was made of it"


def assert_problem(answer: Answer, status: int) -> None:
    assert answer.status == status, answer
    assert answer.media_type == "application/problem+json"
    assert answer.document["status"] == status
    assert answer.document["title"]
    sentence = answer.document["detail"]
    assert len(sentence.split()) > 3, "a keyword helps nobody"


def told(answer: httpx.Response) -> Answer:
    return Answer(answer.status_code, answer.headers["content-type"], answer.json())


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_a_problem_document(mistake: str, scans: Scans) -> None:
    request, status = MISTAKES[mistake]
    assert_problem(told(scans.http.post("/classify/async", **request)), status)


@pytest.mark.parametrize("path", BAD_FILES, ids=[path.name for path in BAD_FILES])
def test_a_bad_file_gets_a_problem_document(path: Path, scans: Scans) -> None:
    answer = scans.http.post("/classify/async", **image(path.read_bytes(), path.name))
    assert_problem(told(answer), STATUS_OF_BAD_FILES[path.name])


@pytest.mark.parametrize("call", ["status", "events"])
@pytest.mark.parametrize("task_id", MALFORMED_IDS, ids=lambda task_id: task_id[:20])
def test_an_id_that_nobody_was_given_is_a_problem(task_id: str, call: str, scans: Scans) -> None:
    assert_problem(told(scans.http.get(f"/task/{task_id}/{call}")), 404)


@pytest.mark.parametrize("sent", RAW)
def test_what_is_no_request_gets_a_problem_document(sent: str, scans: Scans) -> None:
    data, status = RAW[sent]
    with wire(scans.http.base_url) as opened:
        opened.send(data)
        assert_problem(opened.answer(), status)
        assert opened.is_closed()


def test_a_head_that_comes_byte_by_byte_is_cut_off(scans: Scans) -> None:
    with wire(scans.http.base_url) as opened:
        began = time.monotonic()
        opened.socket.settimeout(0.5)
        for byte in b"GET /livez HTTP/1.1\r\nX-Padding: " + b"x" * 1000:
            opened.send(bytes([byte]))
            try:
                assert_problem(opened.answer(), 408)
            except TimeoutError:
                continue
            break
        assert HEAD_SECONDS - 1 < time.monotonic() - began < HEAD_SECONDS + 2
        assert opened.is_closed()


def test_slow_bodies_leave_room_for_others(scans: Scans) -> None:
    """That they are cut off after a minute is tested without the lab, with less patience."""
    with ExitStack() as slow_ones:
        for _ in range(100):
            slow_ones.enter_context(wire(scans.http.base_url)).send(SLOW_BODY)
        assert scans.http.get("/livez").elapsed.total_seconds() < 1
        request, status = MISTAKES["unknown field in a form"]
        answer = scans.http.post("/classify/async", **request)
        assert_problem(told(answer), status)
        assert answer.elapsed.total_seconds() < 2
