"""분석: which rule holds for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.rules import rule_name
from app.state.record import Step
from app.steps.step import Outcome, Stored, needed_output

FindRule = Callable[[str, str | None], dict[str, Any] | None]
"""The rule for a major and a middle category; None if there is none."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Looks the rule up. Its output names it; the answer reads it again by its category."""

    find: FindRule
    step: Step = Step.ANALYZE
    progress: int = 33
    hands_over_output: bool = False

    def run(self, task_id: str, stored: Stored) -> Outcome:
        classification = needed_output(stored, task_id, Step.SCAN)["classification"]
        categories = classification["major_category"], classification["middle_category"]
        name = rule_name(*categories) if self.find(*categories) else None
        return Outcome(output={"rule": name}, changes=[{"progress": 66}])
