"""배출방법: how to throw it away."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.model import Message
from app.state.record import Status, Step
from app.steps.asking import UNTRUSTED, Model, as_data, ask
from app.steps.forms import ANSWER_FORM, DisposalAnswer
from app.steps.reward_order import order_argument
from app.steps.rule import FindRule
from app.steps.step import Outcome, Stored, needed_output

_INSTRUCTION = (
    "너는 한국의 분리배출을 알려 주는 안내원이다. 주어진 배출 규칙만 근거로 답한다. "
    "disposal_steps에는 이 물건을 버리는 순서를 짧은 문장으로, insufficiencies에는 사진에서 보이는 아직 부족한 점을, "
    "user_answer에는 사용자에게 건네는 답을 세 문장 이내의 존댓말로 쓴다. "
) + UNTRUSTED

APOLOGY = {
    "disposal_steps": [],
    "insufficiencies": ["사진 속 물건이 무엇인지 확인하지 못했어요."],
    "answer": (
        "죄송해요, 사진만으로는 어떻게 버려야 하는지 알려 드리기 어려워요. "
        "물건이 잘 보이도록 밝은 곳에서 다시 찍어 주시거나 사는 곳의 분리배출 안내를 확인해 주세요."
    ),
}
"""What is answered where no rule holds. The model is not asked: it could only guess."""

REWARD_PENDING = {"status": "pending"}
"""Nobody waits with an answer for its reward."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Words the answer, completes the scan and hands over what its reward is decided by."""

    model: Model
    model_name: str
    find: FindRule
    step: Step = Step.ANSWER
    progress: int = 66
    hands_over_output: bool = True

    def run(self, task_id: str, stored: Stored) -> Outcome:
        seen = needed_output(stored, task_id, Step.SCAN)
        rule_name = needed_output(stored, task_id, Step.ANALYZE)["rule"]
        classification = seen["classification"]
        rule = self.find(classification["major_category"], classification["middle_category"])
        given = stored.input(task_id)
        advice = APOLOGY if rule is None else self._advice(rule, seen, given.user_input)
        return Outcome(
            output=order_argument(
                task_id=task_id,
                user_id=given.user,
                classification=classification,
                has_rules=rule is not None,
                insufficient=bool(advice["insufficiencies"]),
            ),
            changes=[
                {"progress": 99},
                {
                    "status": Status.COMPLETED,
                    "step": Step.COMPLETE,
                    "progress": 100,
                    "result": json.dumps({**seen, "rule": rule_name, **advice}, ensure_ascii=False),
                    "reward": json.dumps(REWARD_PENDING),
                },
            ],
            ends_scan=True,
        )

    def _advice(self, rule: Mapping[str, Any], seen: Mapping[str, Any], user_input: str | None) -> dict[str, Any]:
        answer = ask(
            self.model,
            name=self.model_name,
            form=ANSWER_FORM,
            answer=DisposalAnswer,
            messages=_messages(rule, seen, user_input),
        )
        return {
            "disposal_steps": answer.disposal_steps,
            "insufficiencies": answer.insufficiencies,
            "answer": answer.user_answer,
        }


def _messages(rule: Mapping[str, Any], seen: Mapping[str, Any], user_input: str | None) -> list[Message]:
    return [
        {"role": "system", "content": _INSTRUCTION},
        {"role": "user", "content": as_data({"rule": rule, **seen, "user_input": user_input})},
    ]
