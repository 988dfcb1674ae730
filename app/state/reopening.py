"""What people who look after dead letters do with their scans: ask why they failed, and open them again."""

import json
from collections.abc import Sequence
from enum import StrEnum

from redis import Redis

from app.state import scripts
from app.state.record import OUTBOX, Status, Step, photo_key, step_key, task_key


class Reopening(StrEnum):
    """What became of a scan that was to be opened again. The values are the script's answers."""

    REOPENED = "reopened"
    NOT_FAILED = "not failed"
    """It is under way, or was completed."""
    EXPIRED = "expired"
    """Its record or its picture is gone."""


class ReopeningStore:
    """Failed scans in Redis. All calls raise ``redis.RedisError`` when Redis is away or full."""

    def __init__(self, redis: Redis, *, ttl_seconds: int) -> None:
        self._redis = redis
        self._ttl_seconds = ttl_seconds
        self._reopen = redis.register_script(scripts.REOPEN)

    def reopen(self, task_id: str) -> Reopening:
        """Makes a failed scan ``queued`` again and puts it into the outbox, in one step: no scan can be left between.

        It is the only way back from ``failed``. Its attempts are counted up and its lost workers forgotten.
        """
        steps = [step_key(task_id, step) for step in (Step.SCAN, Step.ANALYZE, Step.ANSWER)]
        answer = self._reopen(
            keys=[task_key(task_id), photo_key(task_id), OUTBOX, *steps], args=[task_id, self._ttl_seconds]
        )
        return Reopening(answer.decode())

    def outlook(self, task_id: str) -> Reopening:
        """What ``reopen`` would do now."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hmget(task_key(task_id), ["status", "image_url"])
        pipeline.exists(photo_key(task_id))
        (status, image_url), photos = pipeline.execute()
        if status is not None and status.decode() != Status.FAILED:
            return Reopening.NOT_FAILED
        return Reopening.REOPENED if status and (image_url or photos) else Reopening.EXPIRED

    def error_codes(self, task_ids: Sequence[str]) -> list[str | None]:
        """Why each of these scans has failed, as its clients see it; None when it has not, or is gone."""
        pipeline = self._redis.pipeline(transaction=False)
        for task_id in task_ids:
            pipeline.hget(task_key(task_id), "error")
        return [json.loads(error)["code"] if error else None for error in pipeline.execute()]
