"""Clients that ask too much, or never listen: they get what they asked for, and others do not feel them."""

import asyncio
import io
import time
import uuid
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.cluster.clients import ROOT, Json, Model, Scans, Shell, wait_for
from tests.cluster.processes import memory_within, running
from tests.cluster.wire import wire

MIB = 1024 * 1024
POLLS = 10_000
POLLERS = 50
DEAF_READERS = 200
AT_ONCE = 30
SIDEWAYS = ROOT / "tests" / "data" / "milk-carton-sideways-gps.jpg"
LONGEST_SIDE = 1024
SOON_SECONDS = 2.0


@pytest.fixture(scope="module", autouse=True)
def memory_stays_bounded(shell: Shell) -> Iterator[None]:
    [pod] = shell.pods("scan", "scan-api")
    with memory_within(200 * MIB, running("python", pod["metadata"]["uid"])):
        yield


async def poll(host: str, path: str, times: int) -> list[bytes]:
    """The first lines of the answers to as many polls over one connection."""
    reader, writer = await asyncio.open_connection(host, 80)
    lines = []
    for _ in range(times):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
        lines.append(head.split(b"\r\n")[0])
    writer.close()
    return lines


async def poll_from_everywhere(host: str, path: str) -> list[bytes]:
    polled = await asyncio.gather(*(poll(host, path, POLLS // POLLERS) for _ in range(POLLERS)))
    return [line for lines in polled for line in lines]


def test_ten_thousand_polls_of_one_scan_are_answered_and_others_are_too(
    photo: Path, scans: Scans, model: Model
) -> None:
    task_id = scans.submit(photo)
    slowest = 0.0
    others = 0
    with ThreadPoolExecutor(1) as pool:
        polls = poll_from_everywhere(scans.http.base_url.host, f"/task/{task_id}/status")
        polling = pool.submit(asyncio.run, polls)
        while not polling.done():
            began = time.monotonic()
            assert scans.post(photo, "other").status_code == 202
            slowest = max(slowest, time.monotonic() - began)
            others += 1
            time.sleep(0.2)
    assert polling.result() == [b"HTTP/1.1 200 OK"] * POLLS
    assert others > 5, "the polls were over before anybody could be disturbed"
    assert slowest < SOON_SECONDS


def open_streams(scans: Scans) -> float:
    [line] = [line for line in scans.http.get("/metrics").text.splitlines() if line.startswith("scan_event_streams ")]
    return float(line.split()[1])


def test_streams_that_nobody_reads_cost_little_and_hold_nobody_up(photo: Path, scans: Scans, model: Model) -> None:
    request = "GET /task/{}/events HTTP/1.1\r\nHost: x\r\n\r\n"
    with model.set(vision_seconds=6.0), ExitStack() as deaf:
        task_id = scans.submit(photo)
        for _ in range(DEAF_READERS):
            opened = deaf.enter_context(wire(scans.http.base_url, receive_bytes=2048))
            opened.send(request.format(task_id).encode())
        wait_for("the streams", lambda: open_streams(scans) >= DEAF_READERS, 20)
        began = time.monotonic()
        with ThreadPoolExecutor(5) as pool:
            listening = [pool.submit(scans.events, task_id) for _ in range(5)]
        assert {one.result()[-1].data["status"] for one in listening} == {"completed"}
        assert time.monotonic() - began < 6.0 + 0.6 + 3 * SOON_SECONDS
        wait_for("the end of streams that nobody reads", lambda: open_streams(scans) == 0, 20)


async def post_at_once(scans: Scans, body: Json, headers: dict[str, str]) -> list[httpx.Response]:
    async with httpx.AsyncClient(base_url=scans.http.base_url, timeout=30) as http:
        # Connected before, so that all arrive together.
        await asyncio.gather(*(http.get("/livez") for _ in range(AT_ONCE)))
        posts = (http.post("/classify/async", json=body, headers=headers) for _ in range(AT_ONCE))
        return await asyncio.gather(*posts)


def test_a_key_that_is_used_many_times_at_the_same_instant_starts_one_scan(scans: Scans, model: Model) -> None:
    marker = f"marker-{uuid.uuid4().hex}"
    body = {"image_url": "https://photos.example.com/can.jpg", "user_input": marker}
    headers = {"X-User-ID": "tester", "Idempotency-Key": marker}

    answers = asyncio.run(post_at_once(scans, body, headers))

    assert {answer.status_code for answer in answers} <= {202, 409}
    [task_id] = {answer.json()["task_id"] for answer in answers if answer.status_code == 202}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 409)
    repeated = scans.http.post("/classify/async", json=body, headers=headers)
    assert (repeated.status_code, repeated.json()["task_id"]) == (202, task_id)
    assert scans.finish(task_id)["status"] == "completed"
    called = model.counters()["counters"]["markers"][marker]
    assert set(called.values()) == {1}, f"a scan was paid for more than once: {called}"


def stored_photo(shell: Shell, task_id: str) -> bytes:
    script = (
        'REDISCLI_AUTH="$(cat /run/secrets/redis/password)" redis-cli --raw '
        f"EVAL \"return redis.call('GET', KEYS[1])\" 1 photo:{task_id} | base64 --wrap=0"
    )
    return b64decode(shell.kubectl("exec", "redis-0", "--namespace=redis", "--", "sh", "-c", script))


def test_a_photo_is_kept_upright_and_without_the_place_where_it_was_taken(
    scans: Scans, model: Model, shell: Shell
) -> None:
    taken = Image.open(SIDEWAYS)
    assert taken.getexif(), "this photo must have something to lose"
    with model.set(vision_seconds=5.0):
        task_id = scans.submit(SIDEWAYS)
        stored = stored_photo(shell, task_id)
    kept = Image.open(io.BytesIO(stored))
    kept.load()
    assert (kept.format, max(kept.size)) == ("JPEG", LONGEST_SIDE)
    assert kept.height > kept.width, "the model would see the thing lying on its side"
    assert not kept.getexif()
    assert set(kept.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}, "more than the picture is kept"
    for mark in (b"Exif", b"http://ns.adobe.com", b"GPS", b"ICC_PROFILE", b"Photoshop"):
        assert mark not in stored
    assert scans.finish(task_id)["status"] == "completed"
