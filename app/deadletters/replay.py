"""Gives dead letters another try, every few minutes, where no scan waits for them: rewards and what is saved of them.

A scan's own letters are for people, because its client has been told long ago that it has failed.
"""

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import LockError, RedisError

from app import topology
from app.character.client import CharacterClient
from app.deadletters import metrics
from app.deadletters.letters import REPLAYS_RUN, Letter
from app.deadletters.needs import Complaint, complaint_about
from app.deadletters.office import Office, in_batches, open_office
from app.deadletters.post import NoSuchQueue, Undelivered
from app.deadletters.publications import Publication, for_archive, for_work
from app.deadletters.reading import is_readable
from app.deadletters.walks import Walk
from app.publishing import ConfirmingCelery
from app.settings import RewardWorkerSettings
from app.state.connection import connect
from app.worker.consumer import BuryingRequest

logger = logging.getLogger(__name__)

TASK = "deadletters.replay"
QUEUES = tuple(
    queue.name
    for queue in topology.WORK_QUEUES
    if queue.name not in {topology.DEFAULT_QUEUE, *(task.queue for task in topology.SCAN_TASKS)}
)
"""The work queues whose dead letters are replayed."""

MAX_REPLAYS = 3
"""A letter that has died after so many tries is archived."""

_BATCH = 10
"""Few, because the health of what they need is looked at before each batch."""

_QUEUE_SECONDS = 60.0
"""What is left of a queue's letters after this time is for the next run."""

_LOCK = "deadletters-replay"
_LOCK_SECONDS = 30
"""Extended before each batch, which takes seconds even where confirms come late. What a killed process leaves of it
delays the next run."""


class Stopped(Exception):
    """The run is to end now; what it has in hand goes back."""


@dataclass
class Replay:
    """One run. ``go_on`` is called before each batch and raises ``Stopped`` when there is to be none."""

    office: Office
    complaint: Complaint
    go_on: Callable[[], None]
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._run = str(uuid.uuid4())

    def of(self, queue: str) -> None:
        """Replays the dead letters of one work queue, oldest first. Raises ``Undelivered`` or ``Stopped``."""
        ends_at = self.clock() + _QUEUE_SECONDS
        try:
            with self.office.walk(topology.dead_letter_queue(queue)) as walk:
                unreadable = 0
                for batch in in_batches(walk, _BATCH):
                    self.go_on()
                    if self.clock() > ends_at:
                        return _stop(queue, "time", "the time is over")
                    if complaint := self.complaint(self.office, queue):
                        return _stop(queue, "health", complaint)
                    unreadable += self._settle(walk, queue, batch)
                metrics.UNREADABLE.labels(queue).set(unreadable)
        except NoSuchQueue as error:
            _stop(queue, "health", f"{error} is not there")

    def _settle(self, walk: Walk, queue: str, batch: list[Letter]) -> int:
        """Moves what can be moved; how many letters nobody can read."""
        readable = [letter for letter in batch if is_readable(letter)]
        # One that has come round died again within this run: it has had its try.
        waiting = [letter for letter in readable if letter.headers.get(REPLAYS_RUN) != self._run]
        spent = [letter for letter in waiting if letter.replays >= MAX_REPLAYS]
        fresh = [letter for letter in waiting if letter.replays < MAX_REPLAYS]
        archived = self._move(walk, [(letter, for_archive(letter, topology.archive_queue(queue))) for letter in spent])
        metrics.ARCHIVED.labels(queue).inc(archived)
        replayed = self._move(walk, [(letter, self._another_try(letter, queue)) for letter in fresh])
        metrics.REPLAYED.labels(queue).inc(replayed)
        logger.info("%s: %d letters replayed, %d archived, of %d", queue, replayed, archived, len(batch))
        return len(batch) - len(readable)

    def _another_try(self, letter: Letter, queue: str) -> Publication:
        return for_work(letter, queue, replays=letter.replays + 1, run=self._run)

    def _move(self, walk: Walk, moves: list[tuple[Letter, Publication]]) -> int:
        left = self.office.move(walk, moves) if moves else []
        if left:
            raise Undelivered(f"a queue has no room for {len(left)} of {len(moves)} letters")
        return len(moves)


def _stop(queue: str, by: str, complaint: str) -> None:
    logger.warning("dead letters of %s wait: %s", queue, complaint)
    metrics.STOPPED.labels(queue, by).inc()


def register(celery: ConfirmingCelery, settings: RewardWorkerSettings) -> None:
    """Adds the task ``deadletters.replay``, which does one run over all queues unless one is under way."""
    redis = connect(settings, connections=1)
    character = CharacterClient(
        settings.character_host, settings.character_port, timeout_seconds=settings.character_timeout_seconds
    )

    def replay() -> None:
        run_alone(settings, redis, complaint_about(character), celery.going_down.is_set)

    celery.task(name=TASK, shared=False, acks_late=True, ignore_result=True, Request=BuryingRequest)(replay)


def run_alone(
    settings: RewardWorkerSettings, redis: Redis, complaint: Complaint, is_going_down: Callable[[], bool]
) -> None:
    """One run, unless another one holds the lock. A broker or Redis that is away ends it: the next one comes soon."""
    lock = redis.lock(_LOCK, timeout=_LOCK_SECONDS, blocking=False)

    def go_on() -> None:
        if is_going_down():
            raise Stopped("the worker goes down")
        lock.extend(_LOCK_SECONDS, replace_ttl=True)

    try:
        if not lock.acquire():
            logger.info("another replay is under way")
            return
        try:
            with open_office(settings) as office:
                for queue in QUEUES:
                    Replay(office, complaint, go_on).of(queue)
        finally:
            lock.release()
    except (Undelivered, Stopped, LockError, RedisError) as reason:
        logger.warning("the replay of dead letters ends early: %s", reason)
