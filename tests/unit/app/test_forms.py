from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from app.rules import MAJOR_CATEGORIES, SITUATION_TAGS
from app.steps.forms import DisposalAnswer, WasteClassification

CAN = {
    "major_category": "재활용폐기물",
    "middle_category": "금속류",
    "minor_category": " 알루미늄캔 ",
    "situation_tags": [],
}
ADVICE = {"disposal_steps": ["비운다", " "], "insufficiencies": ["", "라벨"], "user_answer": "하나. 둘! 셋? 넷."}


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


@pytest.mark.parametrize("form", [WasteClassification, DisposalAnswer])
def test_the_schemas_are_what_strict_structured_output_takes(form: type[BaseModel]) -> None:
    for schema in objects(form.model_json_schema()):
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) == set(schema["properties"]), "endpoints answer 400 to an optional property"


def test_the_model_is_told_the_words_that_it_may_use() -> None:
    properties = WasteClassification.model_json_schema()["properties"]
    assert properties["major_category"]["enum"] == list(MAJOR_CATEGORIES)
    assert properties["situation_tags"]["items"]["enum"] == list(SITUATION_TAGS)


def test_a_classification_is_tidied() -> None:
    seen = WasteClassification.model_validate(
        CAN | {"situation_tags": [SITUATION_TAGS[0], "made up", SITUATION_TAGS[0]]}
    )
    assert (seen.minor_category, seen.situation_tags) == ("알루미늄캔", [SITUATION_TAGS[0]])


def test_only_recyclable_waste_has_a_middle_category() -> None:
    food = CAN | {"major_category": "음식물류폐기물", "middle_category": "음식물류폐기물"}
    assert WasteClassification.model_validate(food).middle_category is None


@pytest.mark.parametrize(
    "nonsense",
    [
        {"major_category": "쓰레기"},
        {"middle_category": None},
        {"middle_category": "플라스틱"},
        {"situation_tags": "깨짐"},
        {"extra": 1},
    ],
)
def test_a_classification_that_makes_no_sense_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WasteClassification.model_validate(CAN | nonsense)


def test_an_answer_is_cut_to_three_sentences_and_loses_its_empty_items() -> None:
    advice = DisposalAnswer.model_validate(ADVICE)
    assert advice.user_answer == "하나. 둘! 셋?"
    assert (advice.disposal_steps, advice.insufficiencies) == (["비운다"], ["라벨"])


@pytest.mark.parametrize("nonsense", [{"user_answer": " "}, {"disposal_steps": [" "]}, {"insufficiencies": None}])
def test_an_answer_that_says_nothing_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DisposalAnswer.model_validate(ADVICE | nonsense)
