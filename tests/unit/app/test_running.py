import pytest
from redis.exceptions import ConnectionError

from app.state.reasons import Reason, error_of
from app.state.record import Step
from app.state.steps import Beginning, Ending
from app.steps.running import Bury, Drop, PassOn, StepBack, TryAgain, run_step
from app.steps.step import Outcome, StepFailed, Stored
from app.topology import WORK_DELIVERY_LIMIT
from tests.unit.app.conftest import FakeSteps

RETRYABLE = StepFailed(Reason.MODEL_UNAVAILABLE, "500", retryable=True)
FINAL = StepFailed(Reason.INPUT_EXPIRED, "photo", retryable=False)


class OneStep:
    """A step that ends as it is told to."""

    step = Step.SCAN
    progress = 0

    def __init__(self, failure: Exception | None = None, hands_over_output: bool = False) -> None:
        self._failure = failure
        self.hands_over_output = hands_over_output
        self.runs = 0

    def run(self, task_id: str, stored: Stored) -> Outcome:
        self.runs += 1
        if self._failure:
            raise self._failure
        return Outcome(output={"seen": task_id}, changes=[{"progress": 33}])


def test_a_done_step_is_stored_and_passed_on() -> None:
    store = FakeSteps()
    assert run_step(OneStep(), "id", store, retries_left=3) == PassOn(is_news=True, argument="id")
    assert store.stored == [({"seen": "id"}, [{"progress": 33}], False)]


def test_the_link_that_outlives_the_scans_state_is_given_what_it_needs() -> None:
    step, store = OneStep(hands_over_output=True), FakeSteps()
    first = run_step(step, "id", store, retries_left=3)
    assert first == PassOn(is_news=True, argument={"seen": "id"})
    store.beginning, store.outputs[step.step] = Beginning.DONE, store.stored[0][0]
    copy = run_step(step, "id", store, retries_left=3)
    assert copy == PassOn(is_news=False, argument={"seen": "id"}), "a crash after the store would lose the reward"


def test_a_copy_that_comes_after_its_output_has_expired_is_buried() -> None:
    store = FakeSteps(beginning=Beginning.DONE)
    assert isinstance(run_step(OneStep(hands_over_output=True), "id", store, retries_left=3), Bury)


@pytest.mark.parametrize(
    ("beginning", "decision"),
    [
        (Beginning.DONE, PassOn(is_news=False, argument="id")),
        (Beginning.BUSY, StepBack("another copy of the message runs the step")),
        (Beginning.SUSPECT, StepBack("workers were lost with this step: it waits for its turn", for_long=True)),
        (Beginning.FAILED, Bury("the scan has failed")),
        (Beginning.GONE, Bury("the scan's state has expired")),
    ],
)
def test_a_copy_of_a_message_does_not_run_the_step(beginning: Beginning, decision: object) -> None:
    step = OneStep()
    assert run_step(step, "id", FakeSteps(beginning=beginning), retries_left=3) == decision
    assert step.runs == 0, "the model would be paid twice"


@pytest.mark.parametrize("failure", [RETRYABLE, ValueError("a fault of ours")])
def test_a_failure_that_may_pass_is_tried_again(failure: Exception) -> None:
    store = FakeSteps()
    assert isinstance(run_step(OneStep(failure), "id", store, retries_left=1), TryAgain)
    assert (store.released, store.errors) == (1, []), "the retry would find the lease taken"


@pytest.mark.parametrize(("failure", "retries_left"), [(RETRYABLE, 0), (FINAL, 3)])
def test_a_failure_for_good_fails_the_scan_and_buries_the_message(failure: StepFailed, retries_left: int) -> None:
    store = FakeSteps()
    decision = run_step(OneStep(failure), "id", store, retries_left=retries_left)
    assert isinstance(decision, Bury)
    assert decision.is_news
    assert store.errors == [failure.error]


@pytest.mark.parametrize("failure", [None, FINAL])
def test_who_has_lost_the_lease_leaves_the_scan_to_the_other_copy(failure: StepFailed | None) -> None:
    assert run_step(OneStep(failure), "id", FakeSteps(ending=Ending.LOST), retries_left=3) == Drop()


def test_an_outcome_for_a_scan_that_has_failed_meanwhile_is_buried() -> None:
    assert isinstance(run_step(OneStep(), "id", FakeSteps(ending=Ending.FAILED), retries_left=3), Bury)


def test_a_step_that_kills_its_workers_is_not_run_again() -> None:
    step, store = OneStep(), FakeSteps(losses=WORK_DELIVERY_LIMIT)
    decision = run_step(step, "id", store, retries_left=3)
    assert isinstance(decision, Bury)
    assert decision.is_news
    assert (step.runs, store.errors) == (0, [error_of(Reason.WORKERS_LOST)])


def test_a_step_that_lost_some_workers_is_run() -> None:
    decision = run_step(OneStep(), "id", FakeSteps(losses=WORK_DELIVERY_LIMIT - 1), retries_left=3)
    assert decision == PassOn(is_news=True, argument="id"), "it may have been in bad company"


def test_a_retry_waits_as_long_as_the_model_asks() -> None:
    busy = StepFailed(Reason.MODEL_UNAVAILABLE, "429", retryable=True, retry_after_seconds=3)
    decision = run_step(OneStep(busy), "id", FakeSteps(), retries_left=1)
    assert isinstance(decision, TryAgain)
    assert decision.wait_seconds == 3


def test_redis_away_costs_the_scan_no_retry() -> None:
    decision = run_step(OneStep(), "id", FakeSteps(fault=ConnectionError()), retries_left=0)
    assert isinstance(decision, StepBack)
    assert decision.for_long


@pytest.mark.parametrize("store", [FakeSteps(), FakeSteps(fault=ConnectionError())])
@pytest.mark.parametrize("failure", [None, RETRYABLE])
def test_the_thread_ends_its_lease_however_the_step_ends(store: FakeSteps, failure: Exception | None) -> None:
    before = store.ended
    run_step(OneStep(failure), "id", store, retries_left=1)
    assert store.ended == before + 1, "this process would take the step for running for ever"
