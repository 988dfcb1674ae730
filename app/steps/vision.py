"""확인: what is on the photo."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from app.model import Message
from app.state.reasons import Reason
from app.state.record import Step
from app.state.steps import ScanInput
from app.steps.asking import UNTRUSTED, Model, as_data, ask
from app.steps.forms import CLASSIFICATION_FORM, WasteClassification
from app.steps.step import Outcome, StepFailed, Stored

_INSTRUCTION = (
    "너는 한국의 생활폐기물을 분류하는 전문가다. 사진에서 가장 두드러진 물건 하나를 대분류, 중분류, 소분류로 나누고, "
    "사진에서 확인되는 상황 태그를 모두 고른다. 중분류는 재활용폐기물에만 있고 나머지는 null이다. "
    "폐기물이 보이지 않거나 알아볼 수 없으면 대분류를 미분류로 한다. "
) + UNTRUSTED


@dataclass(frozen=True, kw_only=True)
class Vision:
    """Classifies the photo. Clients see the classification as the scan's partial result."""

    model: Model
    model_name: str
    step: Step = Step.SCAN
    progress: int = 0
    hands_over_output: bool = False

    def run(self, task_id: str, stored: Stored) -> Outcome:
        answer = ask(
            self.model,
            name=self.model_name,
            form=CLASSIFICATION_FORM,
            answer=WasteClassification,
            messages=_messages(stored.input(task_id)),
        )
        output = {
            "classification": answer.model_dump(include={"major_category", "middle_category", "minor_category"}),
            "situation_tags": answer.situation_tags,
        }
        return Outcome(
            output=output,
            changes=[{"progress": 33, "partial_result": json.dumps(output, ensure_ascii=False)}],
        )


def _messages(scan: ScanInput) -> list[Message]:
    content: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": _picture(scan), "detail": "low"}}]
    if scan.user_input:
        content.append({"type": "text", "text": as_data({"user_input": scan.user_input})})
    return [{"role": "system", "content": _INSTRUCTION}, {"role": "user", "content": content}]


def _picture(scan: ScanInput) -> str:
    if scan.photo is not None:
        return f"data:image/jpeg;base64,{base64.b64encode(scan.photo).decode()}"
    if scan.image_url is not None:
        return scan.image_url
    raise StepFailed(Reason.INPUT_EXPIRED, "the photo has expired", retryable=False)
