"""The main job: a photo goes through."""

import json
import uuid
from pathlib import Path

import pytest

from tests.cluster.clients import ROOT, Json, Model, Scans, Shell

STEPS = ["pending", "scan", "analyze", "answer", "complete"]
STATUSES = ["queued", "processing", "completed"]
GOOD_PHOTOS = sorted((ROOT / "tests" / "data").glob("*.jpg"))


def assert_moves_forward(history: list[Json]) -> None:
    progress = [state["progress"] for state in history]
    assert progress == sorted(progress), f"progress fell: {progress}"
    for field, order in (("step", STEPS), ("status", STATUSES)):
        positions = [order.index(state[field]) for state in history]
        assert positions == sorted(positions), f"{field} went back: {[state[field] for state in history]}"


@pytest.mark.parametrize("photo", GOOD_PHOTOS, ids=[path.stem for path in GOOD_PHOTOS])
def test_a_photo_gets_a_korean_answer_step_by_step(photo: Path, scans: Scans, model: Model) -> None:
    accepted = scans.post(photo)
    assert accepted.status_code == 202
    task_id = accepted.json()["task_id"]
    assert accepted.headers["location"] == accepted.json()["status_url"] == f"/task/{task_id}/status"

    history = scans.history(task_id)

    assert_moves_forward(history)
    assert {state["step"] for state in history} >= {"scan", "answer", "complete"}
    middle = [state for state in history if state["step"] in ("analyze", "answer")]
    assert middle[-1]["partial_result"]["classification"], "after the first step the client can show what it is"
    last = history[-1]
    assert (last["status"], last["step"], last["progress"]) == ("completed", "complete", 100)
    assert last["result"]["classification"]["major_category"] == "재활용폐기물"
    assert last["result"]["disposal_steps"]
    assert any("가" <= letter <= "힣" for letter in last["result"]["answer"]), "the answer is not Korean"


def test_a_picture_by_url_goes_through_as_well(scans: Scans, model: Model) -> None:
    state = scans.finish(scans.submit_url("https://photos.example.com/paper-box.jpg"))
    assert state["status"] == "completed"
    assert state["result"]["classification"]["middle_category"] == "종이"


def test_the_state_lives_an_hour_and_the_photo_only_until_the_answer(
    photo: Path, scans: Scans, model: Model, shell: Shell
) -> None:
    task_id = scans.submit(photo)
    scans.finish(task_id)

    def redis(*command: str) -> str:
        quoted = " ".join(command)
        script = f'REDISCLI_AUTH="$(cat /run/secrets/redis/password)" redis-cli --json {quoted}'
        return shell.kubectl("exec", "redis-0", "--namespace=redis", "--", "sh", "-c", script)

    assert 3500 < json.loads(redis("TTL", f"task:{task_id}")) <= 3600
    held = redis("KEYS", f"'*{task_id}*'")
    assert f"photo:{task_id}" not in held, "an answered scan's photo must not be kept"


def test_the_same_idempotency_key_starts_one_scan(photo: Path, scans: Scans, model: Model) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = scans.post(photo, **headers)
    second = scans.post(photo, **headers)
    assert second.status_code == 202
    assert first.json()["task_id"] == second.json()["task_id"]
    other = scans.http.post(
        "/classify/async", json={"image_url": "https://x.example.com/a.jpg"}, headers={"X-User-ID": "tester", **headers}
    )
    assert other.status_code == 422, "the same key with another body is a client's mistake, never a second scan"
