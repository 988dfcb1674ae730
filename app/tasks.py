"""The Celery tasks: shells over app/steps, which carry out on the broker what running a step has decided.

Retries are counted in the message and go through the topology's ladder of retry queues, so that no slot of a worker is
held meanwhile. After the last one the message is rejected, and the broker dead-letters it.
"""

import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from celery import Task
from celery.app.task import Context
from celery.exceptions import Ignore, Reject

from app import topology
from app.logs import scan_in_hand
from app.publishing import DELIVERY_COUNT, SPAN, ConfirmingCelery
from app.state.steps import StepStore
from app.steps.reward import RewardStep
from app.steps.running import Bury, Decision, Drop, PassOn, StepBack, TryAgain, run_step
from app.steps.step import ScanStep
from app.tracing import names
from app.tracing.messages import processing
from app.tracing.spans import Span
from app.worker.consumer import BuryingRequest
from app.worker.metrics import observe_decision, step_in_flight

logger = logging.getLogger(__name__)


Run = Callable[[Any, int], Decision]
"""What a task does with its message's argument and the number of retries that are left."""

_ID_CHARACTERS = 36


def register_scan_tasks(celery: ConfirmingCelery, steps: dict[topology.Task, ScanStep], store: StepStore) -> None:
    """Makes a task of each step. A step's task has as many retries as its ladder has rungs."""
    for task, step in steps.items():
        _register(celery, task, _runner(step, store))


def register_reward_task(celery: ConfirmingCelery, reward: RewardStep, *, retry_time_scale: float = 1.0) -> None:
    """Makes a task of the reward. ``retry_time_scale`` below 1 shortens the delays between its retries."""
    _register(celery, topology.REWARD_TASK, reward.run, retry_time_scale)


def _runner(step: ScanStep, store: StepStore) -> Run:
    def run(scan_id: Any, retries_left: int) -> Decision:
        return run_step(step, scan_id, store, retries_left=retries_left)

    return run


def _register(celery: ConfirmingCelery, task: topology.Task, run: Run, time_scale: float = 1.0) -> None:
    def shell(self: Task, argument: Any) -> Any:
        context = scan_in_hand.set(_scan_of(argument))
        try:
            with _span(task, self.request, scan_in_hand.get()) as span:
                with step_in_flight(task.name, self.request):
                    decision = run(argument, len(task.ladder) - self.request.retries)
                span.ends(observe_decision(task.name, decision), is_fault=isinstance(decision, TryAgain | Bury))
                if not isinstance(decision, PassOn):
                    _carry_out(decision, self, task, time_scale)
                logger.info("%s is %s", task.name, "done" if decision.is_news else "done already")
                return decision.argument
        finally:
            scan_in_hand.reset(context)

    celery.task(
        name=task.name,
        bind=True,
        shared=False,
        acks_late=True,
        ignore_result=True,
        max_retries=len(task.ladder),
        Request=BuryingRequest,
    )(shell)


def _scan_of(argument: Any) -> str | None:
    """The scan's id in a link's argument, as far as there is one."""
    scan_id = argument.get("task_id") if isinstance(argument, dict) else argument
    return scan_id if isinstance(scan_id, str) and len(scan_id) <= _ID_CHARACTERS else None


def _span(task: topology.Task, request: Context, scan_id: str | None) -> Span:
    """The span of one try. What is published in its course, or after its end, is said to come from it."""
    deliveries_before = getattr(request, DELIVERY_COUNT, 0)
    attributes: dict[str, str | int] = {
        names.STEP: task.name,
        names.ATTEMPT: request.retries + 1,
        names.DELIVERY: deliveries_before + 1 if isinstance(deliveries_before, int) else 1,
    }
    if scan_id is not None:
        attributes[names.TASK_ID] = scan_id
    span = processing(task.exchange, task.queue, vars(request), attributes)
    request.update({SPAN: span.traceparent})
    return span


def _carry_out(decision: Decision, celery_task: Task, task: topology.Task, time_scale: float) -> NoReturn:
    """Ends a task whose next link must not be published. The exceptions are Celery's own words for it."""
    retries = celery_task.request.retries
    match decision:
        case TryAgain(reason, wait_seconds):
            logger.warning("retry %d of %s: %s", retries + 1, task.name, reason)
            rung = _rung(task.ladder[retries:], wait_seconds)
            expiration = _expiration(rung, wait_seconds) * time_scale
            _publish_again(celery_task, task, rung, retries + 1, expiration)
        case StepBack(reason, for_long):
            logger.info("%s steps back: %s", task.name, reason)
            rung = task.ladder[-1 if for_long else 0]
            _publish_again(celery_task, task, rung, retries, _expiration(rung) * time_scale)
        case Bury(reason):
            logger.error("%s is given up: %s", task.name, reason)
            raise Reject(reason, requeue=False)
        case Drop():
            logger.info("%s: another copy has the step", task.name)
        case PassOn():
            raise AssertionError("passing on is Celery's own work")
    raise Ignore


def _rung(ladder: Sequence[topology.RetryDelay], wait_seconds: float) -> topology.RetryDelay:
    """The first rung that is long enough, or the last one."""
    return next((rung for rung in ladder if rung.delay.total_seconds() >= wait_seconds), ladder[-1])


def _expiration(rung: topology.RetryDelay, least_seconds: float = 0) -> float:
    """Seconds until a message comes back: fewer than the rung's own, to spread retries of what failed together."""
    seconds = rung.delay.total_seconds()
    return random.uniform(min(max(seconds / 2, least_seconds), seconds), seconds)


def _publish_again(
    celery_task: Task, task: topology.Task, rung: topology.RetryDelay, retries: int, expiration: float
) -> None:
    """Publishes this message once more, with the same id and the same rest of the chain, to a rung of the ladder.

    It keeps its routing key, by which it comes back.
    """
    celery_task.signature_from_request(celery_task.request, retries=retries).apply_async(
        exchange=rung.name, routing_key=task.queue, expiration=expiration
    )
