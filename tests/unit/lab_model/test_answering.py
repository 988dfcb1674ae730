import json
from typing import Any

from lab.model.answering import ANSWER_SCHEMA, LABEL, VISION_SCHEMA, say
from lab.model.chat import Call

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


CLASSIFICATION = closed(
    classification=closed(
        major_category={"enum": ["미분류", "재활용폐기물"]},
        middle_category={"enum": ["종이", "무색페트병"]},
        minor_category={"type": ["string", "null"]},
    ),
    situation_tags={"type": "array", "items": {"enum": ["심하게_오염됨", "투명함"]}},
)
DISPOSAL = closed(disposal_steps=TEXTS, insufficiencies=TEXTS, user_answer=TEXT)


def call(name: str, schema: dict[str, Any], text: str = "") -> Call:
    return Call(model="m", text=text, pictures=(), schema_name=name, schema=schema)


def test_a_classification_keeps_to_the_enums_it_was_given() -> None:
    said = json.loads(say(call(VISION_SCHEMA, CLASSIFICATION), ("재활용폐기물", "무색페트병")))
    assert said == {
        "classification": {
            "major_category": "재활용폐기물",
            "middle_category": "무색페트병",
            "minor_category": "생수병",
        },
        "situation_tags": ["투명함"],
    }


def test_the_steps_come_from_the_rule_in_the_prompt() -> None:
    rule = json.dumps({"이름": "종이류", "배출방법_공통": ["테이프를 뗍니다.", "묶습니다."]}, ensure_ascii=False)
    said = json.loads(say(call(ANSWER_SCHEMA, DISPOSAL, f"규칙 {{아래}}:\n<rule>{rule}</rule>"), None))
    assert said["disposal_steps"] == ["테이프를 뗍니다.", "묶습니다."]
    assert "종이류" in said["user_answer"]


def test_steps_may_be_wanted_as_numbered_fields() -> None:
    rule = json.dumps({"배출방법_공통": ["하나", "둘"]}, ensure_ascii=False)
    numbered = closed(disposal_steps=closed(단계1=TEXT, 단계2=TEXT, 단계3=TEXT))
    said = json.loads(say(call(ANSWER_SCHEMA, numbered, rule), None))
    assert said["disposal_steps"] == {"단계1": "하나", "단계2": "둘", "단계3": ""}


def test_every_answer_for_people_says_whose_it_is() -> None:
    assert json.loads(say(call(ANSWER_SCHEMA, DISPOSAL), None))["user_answer"].startswith(LABEL)
