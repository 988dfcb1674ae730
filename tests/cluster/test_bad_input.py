"""Everyday mistakes of a client: a problem document with a sentence that helps, and nothing is queued."""

import runpy
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.clients import ROOT, Scans

USER = {"X-User-ID": "tester"}
ELEVEN_MEGABYTES = runpy.run_path(str(ROOT / "tests" / "data" / "spoil.py"))["oversized_jpeg"]()
"""A good photo but for its size: refused for that alone."""


def image(content: bytes, name: str = "photo.jpg") -> dict[str, Any]:
    return {"files": {"image": (name, content, "image/jpeg")}, "headers": USER}


def by_url(image_url: str) -> dict[str, Any]:
    return {"json": {"image_url": image_url}, "headers": USER}


MISTAKES = {
    "no file": ({"data": {"note": "x"}, "files": {"other": b"x"}, "headers": USER}, {400, 422}),
    "no body": ({"headers": USER}, {400, 415, 422}),
    "text named .jpg": (image(b"this is a letter, not a photo"), {400, 415, 422}),
    "11 MB": (image(ELEVEN_MEGABYTES), {413}),
    "broken JSON": ({"content": b"{", "headers": {**USER, "Content-Type": "application/json"}}, {400, 422}),
    "no user": ({"json": {"image_url": "https://x.example.com/a.jpg"}}, {400, 422}),
    "malformed user": (
        {"json": {"image_url": "https://x.example.com/a.jpg"}, "headers": {"X-User-ID": "a b"}},
        {400, 422},
    ),
    "http image_url": (by_url("http://x.example.com/a.jpg"), {400, 422}),
    "private image_url": (by_url("https://192.168.0.1/a.jpg"), {400, 422}),
    "loopback image_url": (by_url("https://127.0.0.1/a.jpg"), {400, 422}),
    "credentials in image_url": (by_url("https://me:secret@x.example.com/a.jpg"), {400, 422}),
    "form, not JSON": ({"content": b"a=b", "headers": {**USER, "Content-Type": "text/plain"}}, {400, 415, 422}),
}
BAD_FILES = sorted((ROOT / "tests" / "data" / "bad").iterdir())


def assert_problem(answer: httpx.Response, expected: set[int]) -> None:
    assert answer.status_code in expected, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert len(problem["detail"]) > 10, "a sentence that helps"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_a_problem_document(mistake: str, scans: Scans) -> None:
    request, expected = MISTAKES[mistake]
    assert_problem(scans.http.post("/classify/async", **request), expected)


@pytest.mark.parametrize("path", BAD_FILES, ids=[path.name for path in BAD_FILES])
def test_a_bad_file_gets_a_problem_document(path: Path, scans: Scans) -> None:
    assert_problem(scans.http.post("/classify/async", **image(path.read_bytes(), path.name)), {400, 413, 415, 422})


@pytest.mark.parametrize("task_id", ["00000000-0000-4000-8000-000000000000", "not-a-uuid"])
def test_an_unknown_task_is_a_problem(task_id: str, scans: Scans) -> None:
    assert_problem(scans.http.get(f"/task/{task_id}/status"), {404, 422})


def test_nothing_of_all_this_is_queued(scans: Scans) -> None:
    before = scans.http.get("/metrics").text
    for request, _ in MISTAKES.values():
        scans.http.post("/classify/async", **request)
    after = scans.http.get("/metrics").text

    def accepted(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith("scans_accepted_total")]

    assert accepted(before) == accepted(after)
    assert accepted(before), "the metric that this test looks at is gone"
