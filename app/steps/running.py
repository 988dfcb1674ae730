"""Running a step under its lease, and deciding what happens to the message that asked for it.

Nothing here knows Celery: a message goes in as the scan's id and its number of retries, and one of five decisions
comes out, which app/tasks.py carries out on the broker.
"""

import logging
from dataclasses import dataclass
from typing import Any, Protocol

from redis import RedisError

from app.state.reasons import Reason
from app.state.record import Step
from app.state.steps import Beginning, Change, Ending, Lease
from app.steps.step import Outcome, ScanStep, StepFailed, Stored
from app.topology import WORK_DELIVERY_LIMIT

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PassOn:
    """The step is done: publish the next link, then acknowledge."""

    is_news: bool
    """False for a copy of a message whose step was done before."""
    argument: Any = None
    """The next link's."""


@dataclass(frozen=True)
class Drop:
    """Acknowledge; another copy of this message does the work."""


@dataclass(frozen=True)
class StepBack:
    """Come again later, as often as it takes: not the scan's fault."""

    reason: str
    for_long: bool = False
    """Nothing can be done for a while, rather than for the time of one step."""


@dataclass(frozen=True)
class TryAgain:
    """Come again after the next delay of the ladder, or a longer one if that is below ``wait_seconds``."""

    reason: str
    wait_seconds: float = 0


@dataclass(frozen=True)
class Bury:
    """Dead-letter the message; its scan has failed or is gone."""

    reason: str
    is_news: bool = False
    """The scan has failed now, by this message."""


Decision = PassOn | Drop | StepBack | TryAgain | Bury


class Steps(Stored, Protocol):
    """What running needs of ``app.state.steps.StepStore``."""

    def begin(self, task_id: str, step: Step, progress: int) -> Lease | Beginning: ...

    def finish(
        self, lease: Lease, output: dict[str, object], changes: list[Change], *, drops_photo: bool = False
    ) -> Ending: ...

    def release(self, lease: Lease) -> None: ...

    def end(self, lease: Lease) -> None: ...

    def fail(self, lease: Lease, error: dict[str, str]) -> Ending: ...


def run_step(step: ScanStep, task_id: str, store: Steps, *, retries_left: int) -> Decision:
    """Runs ``step`` of the scan ``task_id`` if it is this message's turn."""
    try:
        lease = store.begin(task_id, step.step, step.progress)
        if isinstance(lease, Beginning):
            return _without_lease(lease, step, task_id, store)
        try:
            return _with_lease(step, lease, store, retries_left)
        finally:
            store.end(lease)
    except RedisError as error:
        return StepBack(f"Redis: {error!r}", for_long=True)


def _without_lease(beginning: Beginning, step: ScanStep, task_id: str, store: Steps) -> Decision:
    match beginning:
        case Beginning.DONE:
            return _pass_on_again(step, task_id, store)
        case Beginning.BUSY:
            return StepBack("another copy of the message runs the step")
        case Beginning.SUSPECT:
            return StepBack("workers were lost with this step: it waits for its turn", for_long=True)
        case Beginning.FAILED:
            return Bury("the scan has failed")
        case _:
            return Bury("the scan's state has expired")


def _pass_on_again(step: ScanStep, task_id: str, store: Steps) -> Decision:
    if not step.hands_over_output:
        return PassOn(is_news=False, argument=task_id)
    output = store.output(task_id, step.step)
    return Bury("the scan's state has expired") if output is None else PassOn(is_news=False, argument=output)


def _with_lease(step: ScanStep, lease: Lease, store: Steps, retries_left: int) -> Decision:
    if lease.losses >= WORK_DELIVERY_LIMIT:
        # The broker's own count starts anew with each copy that waits for a dead worker's lease to end.
        killer = StepFailed(Reason.WORKERS_LOST, f"{lease.losses} workers were lost with it", retryable=False)
        return _after_failure(killer, lease, store, retries_left)
    try:
        outcome = step.run(lease.task_id, store)
    except StepFailed as failure:
        return _after_failure(failure, lease, store, retries_left)
    except RedisError:
        raise
    except Exception as error:
        logger.exception("step %s has a fault", step.step)
        return _after_failure(StepFailed(Reason.INTERNAL, repr(error), retryable=True), lease, store, retries_left)
    return _after_success(step, outcome, lease, store)


def _after_success(step: ScanStep, outcome: Outcome, lease: Lease, store: Steps) -> Decision:
    ending = store.finish(lease, dict(outcome.output), list(outcome.changes), drops_photo=outcome.ends_scan)
    match ending:
        case Ending.STORED:
            return PassOn(is_news=True, argument=dict(outcome.output) if step.hands_over_output else lease.task_id)
        case Ending.LOST:
            return Drop()
        case _:
            return Bury(f"its output came too late: {ending}")


def _after_failure(failure: StepFailed, lease: Lease, store: Steps, retries_left: int) -> Decision:
    if failure.retryable and retries_left > 0:
        store.release(lease)
        return TryAgain(str(failure), failure.retry_after_seconds)
    ending = store.fail(lease, failure.error)
    return Drop() if ending is Ending.LOST else Bury(str(failure), is_news=ending is Ending.FAILED)
