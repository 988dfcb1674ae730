"""Following a scan, and what else the API serves."""

import json
from dataclasses import replace
from typing import Any

import pytest
from redis.exceptions import ConnectionError

from app.api.hub import TooManyStreams
from app.state.record import Record, Status, Step
from tests.unit.app.conftest import Api

TASK = "3f2b8f9e-8f0a-4a53-9f4e-0d6b6c1a2b3c"
DONE = Record(
    task_id=TASK, version=8, status=Status.COMPLETED, step=Step.COMPLETE, progress=100, result={"answer": "캔"}
)
STATUS = {
    "task_id": TASK,
    "status": "completed",
    "step": "complete",
    "progress": 100,
    "partial_result": None,
    "result": {"answer": "캔"},
    "error": None,
}


def events(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


def test_a_status_is_what_the_contract_says(api: Api) -> None:
    api.scans.records[TASK] = DONE
    assert api.client.get(f"/task/{TASK}/status").json() == STATUS


@pytest.mark.parametrize("call", ["status", "events"])
@pytest.mark.parametrize("task_id", [TASK, "no-id", "%00"])
def test_an_unknown_scan_is_not_found(api: Api, call: str, task_id: str) -> None:
    response = api.client.get(f"/task/{task_id}/{call}")
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert api.hub.streams == 0


@pytest.mark.parametrize("seen", [{}, {"Last-Event-ID": "7"}, {"Last-Event-ID": "garbage"}])
def test_a_stream_tells_the_present_state_and_ends_with_the_scan(api: Api, seen: dict[str, str]) -> None:
    api.scans.records[TASK] = DONE
    response = api.client.get(f"/task/{TASK}/events", headers=seen)
    assert response.headers["content-type"].startswith("text/event-stream")
    [event] = events(response.text)
    assert (event["event"], event["id"], json.loads(event["data"])) == ("progress", "8", STATUS)
    assert api.hub.streams == 0, "a stream that has ended would count for ever"


def test_a_stream_tells_nothing_that_its_client_has_seen(api: Api) -> None:
    api.scans.records[TASK] = DONE
    assert not events(api.client.get(f"/task/{TASK}/events", headers={"Last-Event-ID": "8"}).text)


def test_a_change_while_its_stream_is_opened_is_told_once(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_SECONDS", "1")
    api: Api = request.getfixturevalue("api")
    before = replace(DONE, version=7, status=Status.PROCESSING, result=None)

    async def look(_: str) -> Record:
        for version, status in ((7, "processing"), (8, "completed")):
            api.hub._pass_on(f"{TASK} {version} {status} {{}}".encode())
        return before

    monkeypatch.setattr(api.scans, "read", look)
    told = events(api.client.get(f"/task/{TASK}/events").text)
    assert [event["id"] for event in told] == ["7", "8"], "the client would wait for the end of a scan that has ended"


def test_too_many_streams_are_sent_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> Any:
        raise TooManyStreams

    monkeypatch.setattr(api.hub, "watch", refuse)
    response = api.client.get(f"/task/{TASK}/events")
    assert (response.status_code, response.json()["title"]) == (503, "Service Unavailable")
    assert response.headers["retry-after"]


def test_readiness_names_redis_and_liveness_does_not_care(api: Api) -> None:
    assert api.client.get("/readyz").status_code == 200
    api.scans.fault = ConnectionError()
    unready = api.client.get("/readyz")
    assert unready.status_code == 503
    assert "redis" in unready.text
    assert api.client.get("/livez").status_code == 200, "the pod would be restarted for Redis' sake"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/classify/async", 405),
        ("GET", "/web/nothing.js", 404),
        ("GET", "/livez/", 404),
    ],
)
def test_the_frameworks_own_errors_are_problem_documents_too(api: Api, method: str, path: str, status: int) -> None:
    response = api.client.request(method, path)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


def test_a_fault_of_ours_tells_nothing_of_its_inside(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: str) -> None:
        raise ValueError("secret detail")

    monkeypatch.setattr(api.scans, "read", fail)
    response = api.client.get(f"/task/{TASK}/status")
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "text/html"), ("/web/page.js", "javascript"), ("/web/icon.svg", "svg")]
)
def test_the_page_and_its_files_may_load_nothing_from_elsewhere(api: Api, path: str, kind: str) -> None:
    headers = api.client.get(path).headers
    assert kind in headers["content-type"]
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy, "a script that gets into the page would run"
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_browser_asks_for_the_newest_page_each_time(api: Api) -> None:
    script = api.client.get("/web/page.js")
    assert script.headers["cache-control"] == "no-cache", "page and scripts of two versions would be mixed"
    again = api.client.get("/web/page.js", headers={"If-None-Match": script.headers["etag"]})
    assert again.status_code == 304


def test_metrics_count_requests_by_route_not_by_scan(api: Api) -> None:
    api.client.get(f"/task/{TASK}/status")
    text = api.client.get("/metrics").text
    assert 'http_requests_total{route="/task/{task_id}/status",status="404"}' in text
    assert TASK not in text, "each scan would make a time series of its own"
    assert "scan_outbox_entries 0.0" in text
    assert "scan_outbox_oldest_seconds 0.0" in text


def test_every_error_of_the_document_is_a_problem_document(api: Api) -> None:
    document = api.client.get("/openapi.json").json()
    assert "ProblemDocument" in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            errors = {status: said for status, said in operation["responses"].items() if status >= "4"}
            for status, said in errors.items():
                assert list(said["content"]) == ["application/problem+json"], (path, method, status)


def test_the_description_for_people_names_every_call_and_loads_nothing(api: Api) -> None:
    page = api.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "POST /classify/async" in page.text
    assert "header X-User-ID: Who asks." in page.text
    assert "<script" not in page.text, "it would be empty without the internet"


@pytest.mark.parametrize("wish", ["bytes=5-1", "bytes=99999999-", "bytes=0-1,3-4"])
@pytest.mark.parametrize("path", ["/", "/web/page.js"])
def test_pieces_of_a_file_are_not_served(api: Api, path: str, wish: str) -> None:
    assert api.client.get(path, headers={"Range": wish}).status_code == 200


def test_an_address_that_is_said_back_is_cut(api: Api) -> None:
    assert len(api.client.get("/" + "x" * 30_000).text) < 1000
