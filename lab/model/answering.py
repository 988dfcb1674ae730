"""What the stand-in says: a category for a picture, steps for a rule. Answers that a person reads name their origin."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lab.model.chat import Call
from lab.model.filling import fill

VISION_SCHEMA = "waste_classification"
ANSWER_SCHEMA = "disposal_answer"

LABEL = "[모의 모델]"
"""Stands before every answer, so that nobody takes it for a real model's."""

_MAX_STEPS = 10
_STEPS_KEY = "배출방법_공통"
"""The key under which the project's rule files keep their steps."""

_MINOR = {
    "종이": "상자류",
    "종이팩": "일반팩",
    "무색페트병": "생수병",
    "플라스틱류": "용기류",
    "비닐류": "비닐봉투",
    "발포합성수지": "스티로폼 상자",
    "유리병": "음료병",
    "금속류": "알루미늄캔",
    "의류및원단": "상의",
    "전지": "건전지",
    "조명제품": "LED 전구",
    "전기전자제품": "소형가전",
}

_TAGS = {
    "종이": ("테이프_있음", "택배상자"),
    "종이팩": ("헹굼_필요", "뚜껑_있음"),
    "무색페트병": ("투명함", "뚜껑_있음"),
    "플라스틱류": ("색깔_있음", "내용물_비움"),
    "발포합성수지": ("흰색_스티로폼", "테이프_있음"),
    "유리병": ("라벨_있음", "뚜껑_있음"),
    "금속류": ("내용물_비움",),
    "전지": ("여러_개",),
    "조명제품": ("LED_조명",),
}
"""Tags that fit a category. Of these the schema's enum decides which exist."""

Judgement = tuple[str, str]


def say(call: Call, judgement: Judgement | None, filler: str = "") -> str:
    """The content of the answer to ``call``.

    ``judgement`` is the (major, middle) category of its picture, None without one. ``filler`` replaces the free texts,
    for answers of a wanted size.
    """
    if call.schema is None:
        return f"{LABEL} {filler or '질문을 받았습니다. JSON 스키마를 주시면 그 형식으로 답합니다.'}"
    wishes = classification(judgement) if judgement else disposal(call.text)
    if filler:
        wishes |= {"minor_category": filler, "user_answer": filler}
    return json.dumps(fill(call.schema, wishes), ensure_ascii=False)


def classification(judgement: Judgement) -> dict[str, Any]:
    """Wishes for a classification."""
    major, middle = judgement
    return {
        "major_category": major,
        "middle_category": middle,
        "minor_category": _MINOR.get(middle),
        "situation_tags": _TAGS.get(middle, ()),
    }


def disposal(prompt: str) -> dict[str, Any]:
    """Wishes for an answer: the steps of the rule that the prompt quotes as JSON, or two that hold for everything."""
    quoted = [part for document in _json_in(prompt) for part in _mappings(document)]
    quoted_steps: list[Any] = next((part[_STEPS_KEY] for part in quoted if isinstance(part.get(_STEPS_KEY), list)), [])
    name = next((part["이름"] for part in quoted if isinstance(part.get("이름"), str)), "분리배출 대상")
    steps = [str(step) for step in quoted_steps][:_MAX_STEPS] or [
        "내용물을 비우고 이물질을 제거합니다.",
        "거주지의 분리배출 안내에 따라 내놓습니다.",
    ]
    numbered = {f"단계{number}": "" for number in range(1, _MAX_STEPS + 1)}
    numbered |= {f"단계{number}": step for number, step in enumerate(steps, start=1)}
    return {
        **numbered,
        "disposal_steps": steps,
        "insufficiencies": [],
        "user_answer": f"{LABEL} 사진 속 물건은 {name}입니다. {steps[0]}",
    }


def _json_in(text: str) -> Iterator[Any]:
    """The JSON objects that stand in a text."""
    decoder = json.JSONDecoder()
    position = text.find("{")
    while position >= 0:
        try:
            document, end = decoder.raw_decode(text, position)
            yield document
        except json.JSONDecodeError:
            end = position + 1
        position = text.find("{", end)


def _mappings(document: Any) -> Iterator[Mapping[str, Any]]:
    """A JSON document's objects, the outermost first."""
    if isinstance(document, Mapping):
        yield document
        for part in document.values():
            yield from _mappings(part)
    elif isinstance(document, list):
        for part in document:
            yield from _mappings(part)
