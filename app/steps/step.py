"""What a step is, and the ways in which it can fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.state.reasons import Reason, error_of
from app.state.record import Step
from app.state.steps import Change, ScanInput


class StepFailed(Exception):
    """A step cannot go on. ``retryable`` tells whether another try may help, no sooner than after so many seconds."""

    def __init__(self, reason: Reason, detail: str, *, retryable: bool, retry_after_seconds: float = 0) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds

    @property
    def error(self) -> dict[str, str]:
        """What clients see of it."""
        return error_of(self.reason)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a step leaves: its stored output, which is JSON, and the changes that clients see, in their order."""

    output: Mapping[str, Any]
    changes: Sequence[Change]
    ends_scan: bool = False
    """The answer is there: nothing of the input is needed any more."""


class Stored(Protocol):
    """What a step may read: the client's input and the outputs of the steps before."""

    def input(self, task_id: str) -> ScanInput: ...

    def output(self, task_id: str, step: Step) -> dict[str, Any] | None: ...


class ScanStep(Protocol):
    """A step of the pipeline. ``progress`` is the scan's progress when the step starts."""

    @property
    def step(self) -> Step: ...

    @property
    def progress(self) -> int: ...

    @property
    def hands_over_output(self) -> bool:
        """The next link is given the step's output in place of the scan's id: it may come when the state is gone."""

    def run(self, task_id: str, stored: Stored) -> Outcome:
        """Raises ``StepFailed``."""


def needed_output(stored: Stored, task_id: str, step: Step) -> dict[str, Any]:
    """The output of an earlier step. Raises ``StepFailed`` if it has expired."""
    output = stored.output(task_id, step)
    if output is None:
        raise StepFailed(Reason.INPUT_EXPIRED, f"the output of step {step} has expired", retryable=False)
    return output
