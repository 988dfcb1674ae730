"""Redis away, full or frozen: clients are told so and when to come back, and no scan that was answered 202 is lost."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from app.steps.forms import ANSWER_FORM, CLASSIFICATION_FORM
from tests.cluster.clients import Json, Model, wait_for
from tests.cluster.load import ENDS
from tests.cluster.outages import API, Lab
from tests.cluster.processes import frozen

ANSWER_SECONDS = 5.0
"""A client has to be told that Redis is away while it still listens."""

FOLLOW_SECONDS = 90


def told_to_come_back(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"].isdigit()
    assert answer.elapsed.total_seconds() <= ANSWER_SECONDS, "the client has given up meanwhile"


async def follow(base_url: httpx.URL, task_id: str) -> list[Json]:
    """What a client is told until the scan's end that comes back whenever its stream is refused or ends."""
    states: list[Json] = []
    seen = "0"
    try:
        async with asyncio.timeout(FOLLOW_SECONDS), httpx.AsyncClient(base_url=base_url, timeout=30) as http:
            while not states or states[-1]["status"] not in ENDS:
                with suppress(httpx.HTTPError):
                    address, headers = f"/task/{task_id}/events", {"Last-Event-ID": seen}
                    async with http.stream("GET", address, headers=headers) as answer:
                        async for line in answer.aiter_lines():
                            field, _, value = line.partition(":")
                            seen = value.strip() if field == "id" else seen
                            states += [json.loads(value)] if field == "data" else []
                await asyncio.sleep(0.3)
    except TimeoutError as error:
        raise AssertionError(f"{task_id}: its stream tells no end, last seen {states[-1:]}") from error
    return states


@pytest.fixture
def lab_made_well(lab: Lab) -> Iterator[Lab]:
    with lab.well_afterwards():
        yield lab


@contextmanager
def scans_under_way(lab: Lab, photo: Path, model: Model) -> Iterator[list[str]]:
    """Scans whose first model call runs when the block begins. They and their streams must reach their end after it."""
    with ThreadPoolExecutor() as pool:
        with model.set(vision_seconds=3.0):
            under_way = [lab.scans.submit(photo) for _ in range(4)]
            url = lab.scans.http.base_url
            streams = [pool.submit(asyncio.run, follow(url, task_id)) for task_id in under_way]
            wait_for("model calls", lambda: {lab.scans.status(one)["status"] for one in under_way} == {"processing"})
        yield under_way
        for stream in streams:
            told = stream.result()
            assert told[-1]["status"] == "completed", told[-1]
            progress = [state["progress"] for state in told]
            assert progress == sorted(progress), "a client saw its scan go backwards"


def test_clients_are_told_that_redis_is_away(lab_made_well: Lab, photo: Path, model: Model) -> None:
    lab = lab_made_well
    readiness_gives_up_seconds = 12
    with scans_under_way(lab, photo, model) as under_way, lab.without_redis():
        away_since = time.monotonic()
        while time.monotonic() < away_since + readiness_gives_up_seconds:
            told_to_come_back(lab.scans.post(photo), 503)
            told_to_come_back(lab.scans.http.get(f"/task/{under_way[0]}/status"), 503)
            time.sleep(1)
        unready = lab.scans.http.get("/readyz")
        told_to_come_back(unready, 503)
        assert "redis" in unready.json()["detail"]
        assert API not in lab.unready(), "clients would be refused instead of told"


def test_a_frozen_redis_makes_nobody_wait_for_long_and_no_model_answer_twice(
    lab_made_well: Lab, photo: Path, model: Model
) -> None:
    lab = lab_made_well
    before = Counter(model.counters()["counters"]["calls"])
    with scans_under_way(lab, photo, model) as under_way, frozen(lab.redis_processes()):
        frozen_since = time.monotonic()
        told_to_come_back(lab.scans.post(photo), 503)
        told_to_come_back(lab.scans.http.get(f"/task/{under_way[0]}/status"), 503)
        time.sleep(max(0.0, frozen_since + 10 - time.monotonic()))

    def as_many_answers_as_classifications() -> bool:
        """Redis stood still while the model classified. A scan that was refused may have been taken all the same."""
        calls = Counter(model.counters()["counters"]["calls"]) - before
        return calls[CLASSIFICATION_FORM] == calls[ANSWER_FORM] >= len(under_way)

    wait_for("one classification a scan", as_many_answers_as_classifications, 15)


def test_a_nearly_full_redis_takes_no_new_scan_and_ends_the_others(
    lab_made_well: Lab, photo: Path, model: Model
) -> None:
    lab = lab_made_well
    with scans_under_way(lab, photo, model) as under_way, lab.redis_filled_to(0.93):
        wait_for("a refusal", lambda: lab.scans.post(photo).status_code != 202, 5)
        told_to_come_back(lab.scans.post(photo), 429)
        for task_id in under_way:
            assert lab.scans.finish(task_id)["status"] == "completed", "it was answered 202, and there is room for it"
    wait_for("scans to be taken again", lambda: lab.scans.post(photo).status_code == 202, 5)


def test_a_redis_without_memory_only_delays_what_was_accepted(lab_made_well: Lab, photo: Path, model: Model) -> None:
    lab = lab_made_well
    with scans_under_way(lab, photo, model) as under_way, lab.redis_filled_to(2.0):
        told_to_come_back(lab.scans.post(photo), 429)
        time.sleep(8)  # the model calls end meanwhile, and there is no room for what they say
        told_to_come_back(lab.scans.post(photo), 429)
        states = [lab.scans.status(task_id)["status"] for task_id in under_way]
        assert states == ["processing"] * len(under_way)
    assert lab.scans.finish(lab.scans.submit(photo))["status"] == "completed"
