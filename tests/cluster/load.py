"""A small steady load of scans, for the tests and the bench: each begins at its time, whatever became of the others.

Nothing is tried again, so that what clients were told while something was broken can be looked at afterwards.
"""

import asyncio
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from tests.cluster.clients import Json, Model, Scans

T = TypeVar("T")
CONNECTIONS = httpx.Limits(max_connections=None)
ENDS = ("completed", "failed")
_PATIENCE_SECONDS = 90


async def at_rate(count: int, per_second: float, one: Callable[[int], Awaitable[T]]) -> list[T]:
    """Runs ``one(0)``, ``one(1)``, … ``count`` times, begun at that rate; their results in this order."""

    async def in_its_turn(position: int) -> T:
        await asyncio.sleep(position / per_second)
        return await one(position)

    return await asyncio.gather(*(in_its_turn(position) for position in range(count)))


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[max(0, round(len(ordered) * share) - 1)]


@dataclass(frozen=True)
class Post:
    """One POST as its client saw it. ``answer`` is None if there was none, and ``fault`` says why."""

    marker: str
    """A word in the scan's text, by which the model stand-in counts its calls."""
    seconds: float
    answer: httpx.Response | None
    fault: str = ""

    @property
    def status(self) -> int:
        return self.answer.status_code if self.answer is not None else 0

    @property
    def task_id(self) -> str:
        assert self.status == 202
        assert self.answer is not None
        return str(self.answer.json()["task_id"])

    @property
    def says_when_to_come_back(self) -> bool:
        """It is a problem document, 429 or 503, with Retry-After."""
        return (
            self.answer is not None
            and self.status in (429, 503)
            and self.answer.headers["content-type"] == "application/problem+json"
            and self.answer.headers.get("retry-after", "").isdigit()
        )

    def __str__(self) -> str:
        return f"{self.status} after {self.seconds:.2f} s {self.fault or (self.answer and self.answer.text[:200])}"


@dataclass
class Load:
    """Photos (or without one picture addresses) posted at a rate, from a thread, while the block runs.

    The block's end waits for the last POST's answer, as ``wait`` does within it. ``end`` waits for the scans.
    """

    scans: Scans
    per_second: float
    seconds: float
    photo: Path | None = None
    posts: list[Post] = field(default_factory=list)
    """Those that were answered until now."""

    def __enter__(self) -> Self:
        self._name = uuid.uuid4().hex[:12]
        self._picture = self.photo.read_bytes() if self.photo else None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()

    def wait(self) -> None:
        """Until the last POST is answered."""
        self._thread.join(self.seconds + _PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "a POST has no end"

    @property
    def accepted(self) -> list[Post]:
        return [post for post in self.posts if post.status == 202]

    @property
    def refused(self) -> list[Post]:
        return [post for post in self.posts if post.status != 202]

    @property
    def p99_seconds(self) -> float:
        return percentile([post.seconds for post in self.posts], 0.99)

    def end(self, timeout_seconds: float) -> dict[str, Json]:
        """The last status of each accepted scan, by task id, once all have ended or the time is up."""
        last: dict[str, Json] = {post.task_id: {"status": "never seen"} for post in self.accepted}
        deadline = time.monotonic() + timeout_seconds
        while waiting := [task for task, state in last.items() if state["status"] not in ENDS]:
            if time.monotonic() > deadline:
                break
            for task_id in waiting:
                with suppress(httpx.HTTPError):
                    answer = self.scans.http.get(f"/task/{task_id}/status")
                    last[task_id] = answer.json()
            time.sleep(0.5)
        return last

    def not_completed(self, timeout_seconds: float) -> dict[str, Json]:
        """Accepted scans that are anything but completed when the time is up."""
        return {task: state for task, state in self.end(timeout_seconds).items() if state["status"] != "completed"}

    def model_calls(self, model: Model) -> list[dict[str, int]]:
        """For each accepted scan how often the model was called for it, by the schema that was asked for."""
        counted = model.counters()["counters"]["markers"]
        return [counted.get(post.marker, {}) for post in self.accepted]

    async def _run(self) -> None:
        count = int(self.per_second * self.seconds)
        base_url = self.scans.http.base_url
        async with httpx.AsyncClient(base_url=base_url, limits=CONNECTIONS, timeout=_PATIENCE_SECONDS) as http:
            await at_rate(count, self.per_second, lambda position: self._post(http, position))

    async def _post(self, http: httpx.AsyncClient, position: int) -> None:
        marker = f"marker-{self._name}-{position}"
        began = time.monotonic()
        try:
            answer = await http.post("/classify/async", headers={"X-User-ID": "load"}, **self._body(marker))
        except httpx.HTTPError as error:
            self.posts.append(Post(marker, time.monotonic() - began, None, repr(error)))
        else:
            self.posts.append(Post(marker, time.monotonic() - began, answer))

    def _body(self, marker: str) -> dict[str, Any]:
        if self._picture is None:
            return {"json": {"image_url": "https://photos.example.com/can.jpg", "user_input": marker}}
        return {"files": {"image": ("photo.jpg", self._picture)}, "data": {"user_input": marker}}
