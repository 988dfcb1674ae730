"""The API's side of the state: taking scans in, and reading what has become of them."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from app.state import scripts
from app.state.reasons import Reason, error_of
from app.state.record import (
    OUTBOX,
    TRACE_PARENT_FIELD,
    Record,
    Status,
    Step,
    idempotency_key,
    photo_key,
    read_record,
    step_key,
    task_key,
)

_CLAIM_SECONDS = 120
"""How long the first use of an idempotency key may be under way: longer than an upload may take."""

_WAITAOF_MS = 2000


class Acceptance(StrEnum):
    """What became of a scan that was to be taken in. The values are the script's answers."""

    ACCEPTED = "accepted"
    OUTBOX_FULL = "outbox full"
    CLAIM_LOST = "claim lost"


class Rest(StrEnum):
    """What becomes of a scan one of whose messages has died. The values are the script's answers."""

    FAILED = "failed"
    FINAL = "final"
    """It had ended before."""
    PASSED = "passed"
    """Another copy of the message has carried it on."""
    BUSY = "busy"
    """Another copy of the message runs the step: its end is to be seen first."""
    GONE = "gone"


class ClaimHeld(Exception):
    """The idempotency key's first use is still under way."""


class NotOnDisk(Exception):
    """Redis took the scan in, but could not bring it to its disk in time."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An idempotency key that a request holds until its scan is taken in."""

    key: str
    token: str


@dataclass(frozen=True, kw_only=True)
class FirstUse:
    """What an idempotency key was used for before: the scan, and the digest of its request."""

    task_id: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class NewScan:
    """A scan to be taken in. Exactly one of ``photo`` and ``image_url`` is set."""

    user: str
    digest: str
    photo: bytes | None = None
    image_url: str | None = None
    user_input: str | None = None


class ScanStore:
    """Scans in Redis, for an event loop. All calls raise ``redis.RedisError`` when Redis is away or full."""

    def __init__(self, redis: Redis, *, ttl_seconds: int, outbox_max_entries: int, waits_for_disk: bool) -> None:
        self._redis = redis
        self._ttl_seconds = ttl_seconds
        self._outbox_max_entries = outbox_max_entries
        self._waits_for_disk = waits_for_disk
        self._accept = redis.register_script(scripts.ACCEPT)
        self._forget_claim = redis.register_script(scripts.FORGET_CLAIM)
        self._lay_to_rest = redis.register_script(scripts.LAY_TO_REST)

    async def claim(self, user: str, key: str) -> Claim | FirstUse:
        """Takes an idempotency key for a request, or tells what it was used for. Raises ``ClaimHeld``."""
        claim = Claim(key=idempotency_key(user, key), token=f"claim {uuid.uuid4()}")
        held = await self._redis.set(claim.key, claim.token, nx=True, get=True, ex=_CLAIM_SECONDS)
        if held is None:
            return claim
        first, second = cast(bytes, held).decode().split(" ", 1)
        if first == "claim":
            raise ClaimHeld
        return FirstUse(task_id=first, digest=second)

    async def forget(self, claim: Claim) -> None:
        """Gives a claim back whose request came to nothing. A claim that became a scan stays."""
        await self._forget_claim(keys=[claim.key], args=[claim.token])

    async def accept(
        self, task_id: str, scan: NewScan, claim: Claim | None = None, *, traceparent: str | None = None
    ) -> Acceptance:
        """Takes a scan in, with its entry in the outbox, which goes on with the trace of ``traceparent``.

        Raises ``NotOnDisk`` if that was asked for and failed.
        """
        fields: dict[str, str | int] = {
            "id": task_id,
            "user": scan.user,
            "status": Status.QUEUED,
            "step": Step.PENDING,
            "progress": 0,
            "version": 1,
            "attempt": 1,
        }
        if scan.image_url is not None:
            fields["image_url"] = scan.image_url
        if scan.user_input is not None:
            fields["user_input"] = scan.user_input
        if traceparent is not None:
            fields[TRACE_PARENT_FIELD] = traceparent
        keys = [task_key(task_id), photo_key(task_id), OUTBOX, claim.key if claim else "-"]
        args: list[Any] = [task_id, self._ttl_seconds, self._outbox_max_entries, scan.photo or b""]
        args += [claim.token if claim else "", scan.digest]
        args += [part for pair in fields.items() for part in pair]
        if not self._waits_for_disk:
            return Acceptance((await self._accept(keys=keys, args=args)).decode())
        return await self._accept_on_disk(keys, args)

    async def _accept_on_disk(self, keys: list[str], args: list[Any]) -> Acceptance:
        """WAITAOF waits for what its own connection wrote, so both go over the same one."""
        async with self._redis.client() as connection:
            try:
                answer = await connection.evalsha(self._accept.sha, len(keys), *keys, *args)
            except NoScriptError:
                answer = await connection.eval(scripts.ACCEPT, len(keys), *keys, *args)
            acceptance = Acceptance(answer.decode())
            if acceptance is Acceptance.ACCEPTED:
                local, _ = await connection.waitaof(1, 0, _WAITAOF_MS)
                if not local:
                    raise NotOnDisk
            return acceptance

    async def lay_to_rest(self, task_id: str, step: Step, reason: Reason) -> Rest:
        """Fails a scan whose message for ``step`` has died, unless another message carries the scan on."""
        later = list(Step)[list(Step).index(step) + 1 :]
        answer = await self._lay_to_rest(
            keys=[task_key(task_id), step_key(task_id, step)],
            args=[json.dumps(error_of(reason), ensure_ascii=False), self._ttl_seconds, *later],
        )
        return Rest(answer.decode())

    async def read(self, task_id: str) -> Record | None:
        """A scan's record; None for an id that nobody was given, or whose record has expired."""
        fields = cast(Mapping[bytes, bytes], await self._redis.hgetall(task_key(task_id)))
        return read_record(fields) if fields else None

    async def outbox_length(self) -> int:
        return await self._redis.xlen(OUTBOX)

    async def outbox_age_seconds(self) -> float:
        """Age of the outbox's oldest entry, 0 when it is empty. A stream's ids begin with Redis' own time."""
        oldest = cast(list[tuple[bytes, object]], await self._redis.xrange(OUTBOX, count=1))
        if not oldest:
            return 0.0
        seconds, microseconds = await self._redis.time()
        entry, _ = oldest[0]
        return max(0.0, seconds + microseconds / 1e6 - int(entry.split(b"-")[0]) / 1e3)

    async def memory_share(self) -> float:
        """The share of Redis' memory bound that is taken; 0 where there is no bound."""
        memory = await self._redis.info("memory")
        bound = int(memory["maxmemory"])
        return int(memory["used_memory"]) / bound if bound else 0.0

    async def ping(self) -> None:
        await self._redis.ping()
