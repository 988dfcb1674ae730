"""Clients at a steady rate, in a process of their own, so that no fault and no measuring makes them late.

    python -m tests.chaos.clients URL --rate 5 --users chaos-1 --output FILE

posts a photo for each of the users chaos-1-0, chaos-1-1, … until its standard input ends, follows each accepted scan to
its end, and writes one JSON line a scan: {posted, status, fault, accepted, task_id, ended, state}. Times are seconds of
the machine's monotonic clock; nothing is tried again.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

PHOTO = Path(__file__).parents[1] / "data" / "can.jpg"
"""Earns its user a character."""
POST_TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.3
PATIENCE_SECONDS = 240.0
"""How long a scan is followed after its POST."""
ENDS = ("completed", "failed")
REFUSED = 0
"""The status of a POST that had no answer."""


@dataclass
class Scan:
    """One scan as its client saw it."""

    posted: float
    status: int = REFUSED
    fault: str = ""
    """Why there was no answer."""
    accepted: float = 0.0
    task_id: str = ""
    ended: float = 0.0
    state: str = ""


async def post(http: httpx.AsyncClient, user: str, photo: bytes) -> Scan:
    scan = Scan(posted=time.monotonic())
    files = {"image": ("photo.jpg", photo)}
    try:
        answer = await http.post("/classify/async", files=files, headers={"X-User-ID": user})
    except httpx.HTTPError as error:
        scan.fault = type(error).__name__
        return scan
    scan.status = answer.status_code
    if scan.status == httpx.codes.ACCEPTED:
        scan.accepted, scan.task_id = time.monotonic(), str(answer.json()["task_id"])
    return scan


async def follow(http: httpx.AsyncClient, scan: Scan) -> None:
    """To its end. What cannot be asked for a while is asked again."""
    while time.monotonic() < scan.accepted + PATIENCE_SECONDS:
        await asyncio.sleep(POLL_SECONDS)
        try:
            answer = await http.get(f"/task/{scan.task_id}/status")
        except httpx.HTTPError:
            continue
        scan.state = str(answer.json().get("status", "")) if answer.status_code == httpx.codes.OK else scan.state
        if scan.state in ENDS:
            scan.ended = time.monotonic()
            return


async def one(http: httpx.AsyncClient, user: str, photo: bytes) -> Scan:
    scan = await post(http, user, photo)
    if scan.task_id:
        await follow(http, scan)
    return scan


async def turns(per_second: float, until: asyncio.Event) -> AsyncIterator[int]:
    """0, 1, 2, … each at its time, whatever became of the one before."""
    begun, position = time.monotonic(), 0
    while not until.is_set():
        yield position
        position += 1
        await asyncio.sleep(max(0.0, begun + position / per_second - time.monotonic()))


async def run(url: str, per_second: float, users: str) -> list[Scan]:
    photo, over = PHOTO.read_bytes(), asyncio.Event()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=POST_TIMEOUT_SECONDS) as http:
        await http.get("/livez")  # the first request of a process takes longer than all others
        asyncio.get_running_loop().run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: over.set())
        async with asyncio.TaskGroup() as group:
            scans = [group.create_task(one(http, f"{users}-{n}", photo)) async for n in turns(per_second, over)]
    return [scan.result() for scan in scans]


def main() -> None:
    parser = argparse.ArgumentParser(description="Clients at a steady rate, until standard input ends.")
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=5.0, help="scans a second (default: 5)")
    parser.add_argument("--users", required=True, help="what the users' names begin with")
    parser.add_argument("--output", type=Path, required=True, help="file for one JSON line a scan")
    arguments = parser.parse_args()
    scans = asyncio.run(run(arguments.url, arguments.rate, arguments.users))
    arguments.output.write_text("".join(json.dumps(asdict(scan)) + "\n" for scan in scans))


if __name__ == "__main__":
    main()
