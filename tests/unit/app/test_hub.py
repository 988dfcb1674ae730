import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.api.hub import Change, Hub, TooManyStreams, Watch

NO_REDIS: Any = None


def hub(streams_max: int = 10) -> Hub:
    return Hub(NO_REDIS, streams_max=streams_max)


def told(hub: Hub, task_id: str, version: int, status: str = "processing") -> None:
    hub._pass_on(f'{task_id} {version} {status} {{"progress": {version}}}'.encode())


async def all_of(watch: Watch) -> list[int | None]:
    versions: list[int | None] = []
    while True:
        change = await asyncio.wait_for(watch.next(), 1)
        versions.append(change.version if change else None)
        if change is None or change.is_final:
            return versions


def test_a_stream_gets_its_own_scans_changes_in_their_order() -> None:
    one = hub()
    watch, _ = one.watch("a"), one.watch("b")
    for version in (2, 3):
        told(one, "a", version)
    told(one, "b", 9)
    told(one, "a", 4, "completed")
    assert asyncio.run(all_of(watch)) == [2, 3, 4]


def test_a_change_carries_the_status_as_it_was_told() -> None:
    one = hub()
    watch = one.watch("a")
    told(one, "a", 2, "failed")
    assert asyncio.run(watch.next()) == Change(2, True, '{"progress": 2}')


def test_a_reader_that_does_not_read_is_dropped() -> None:
    one = hub()
    watch = one.watch("a")
    for version in range(100):
        told(one, "a", version)
    assert asyncio.run(watch.next()) is None, "what it has not read would fill the memory"


def test_streams_are_bounded_and_given_back() -> None:
    one = hub(streams_max=1)
    watch = one.watch("a")
    with pytest.raises(TooManyStreams):
        one.watch("b")
    one.forget(watch)
    one.watch("b")


class Subscription:
    """Redis' side of a subscription: the confirmation and one change, each when it is let through."""

    def __init__(self) -> None:
        self.steps: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.subscribed = 0

    def pubsub(self) -> "Subscription":
        return self

    async def __aenter__(self) -> "Subscription":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def subscribe(self, _: str) -> None:
        self.subscribed += 1

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            yield await self.steps.get()


def test_a_stream_that_came_before_the_subscription_ends_and_later_ones_go_on() -> None:
    async def act() -> tuple[list[int | None], list[int | None]]:
        redis: Any = Subscription()
        one = Hub(redis, streams_max=10)
        running = asyncio.create_task(one.run())
        early = one.watch("a")
        redis.steps.put_nowait({"type": "subscribe"})
        ended = await all_of(early)
        later = one.watch("a")
        redis.steps.put_nowait({"type": "message", "data": b"a 2 completed {}"})
        told = await all_of(later)
        running.cancel()
        return ended, told

    ended, told = asyncio.run(act())
    assert ended == [None], "it may have missed the scan's end, and would wait for it until its time is up"
    assert told == [2]


def test_all_streams_share_one_subscription() -> None:
    async def act() -> tuple[int, list[list[int | None]]]:
        redis: Any = Subscription()
        one = Hub(redis, streams_max=100)
        running = asyncio.create_task(one.run())
        await asyncio.sleep(0)
        watches = [one.watch(f"scan-{number}") for number in range(50)]
        for number in range(50):
            redis.steps.put_nowait({"type": "message", "data": f"scan-{number} 2 completed {{}}".encode()})
        heard = [await all_of(watch) for watch in watches]
        running.cancel()
        return redis.subscribed, heard

    subscribed, heard = asyncio.run(act())
    assert subscribed == 1, "each client would cost Redis a connection"
    assert heard == [[2]] * 50


def test_a_hub_that_closes_ends_its_streams_and_later_ones() -> None:
    one = hub()
    early = one.watch("a")
    one.close()
    assert asyncio.run(all_of(early)) == [None]
    assert asyncio.run(all_of(one.watch("a"))) == [None], "the process would wait for it and be killed"
