"""What a step is, and the ways in which it can fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from app.state.record import Step
from app.state.steps import Change, ScanInput


class Reason(StrEnum):
    """Why a scan failed: the ``code`` in its status' ``error``."""

    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_REJECTED = "model_rejected"
    INPUT_EXPIRED = "input_expired"
    INTERNAL = "internal_error"


_MESSAGES = {
    Reason.MODEL_UNAVAILABLE: "지금은 답을 드릴 수 없어요. 잠시 뒤에 다시 시도해 주세요.",
    Reason.MODEL_REJECTED: "이 사진은 분석할 수 없어요. 다른 사진으로 시도해 주세요.",
    Reason.INPUT_EXPIRED: "사진의 보관 시간이 지났어요. 사진을 다시 올려 주세요.",
    Reason.INTERNAL: "처리하는 중에 문제가 생겼어요. 다시 시도해 주세요.",
}


class StepFailed(Exception):
    """A step cannot go on. ``retryable`` tells whether another try may help."""

    def __init__(self, reason: Reason, detail: str, *, retryable: bool) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.retryable = retryable

    @property
    def error(self) -> dict[str, str]:
        """What clients see of it."""
        return {"code": self.reason, "message": _MESSAGES[self.reason]}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a step leaves: its stored output, and the changes that clients see, in their order."""

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

    def run(self, task_id: str, stored: Stored) -> Outcome:
        """Raises ``StepFailed``."""


def needed_output(stored: Stored, task_id: str, step: Step) -> dict[str, Any]:
    """The output of an earlier step. Raises ``StepFailed`` if it has expired."""
    output = stored.output(task_id, step)
    if output is None:
        raise StepFailed(Reason.INPUT_EXPIRED, f"the output of step {step} has expired", retryable=False)
    return output
