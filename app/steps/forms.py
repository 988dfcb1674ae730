"""The forms in which the model must answer.

A form's JSON schema is sent along, so it holds nothing that strict structured output does not know: bounds on lengths
are checked after the answer has come. What is merely too long is cut, what makes no sense is refused.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.rules import MAJOR_CATEGORIES, RECYCLABLE, RECYCLABLE_MIDDLE_CATEGORIES, SITUATION_TAGS

CLASSIFICATION_FORM = "waste_classification"
ANSWER_FORM = "disposal_answer"

_TAGS_MAX = 20
_ITEMS_MAX = 10
_NAME_CHARACTERS = 50
_ITEM_CHARACTERS = 300
_ANSWER_CHARACTERS = 1000
_ANSWER_SENTENCES = 3

_SENTENCE_END = re.compile(r"(?<=[.!?…。])\s+")


def _major(category: str) -> str:
    if category not in MAJOR_CATEGORIES:
        raise ValueError("not a major category")
    return category


def _middle(category: str | None) -> str | None:
    """A known middle category. Other waste than recyclable has none, whatever a model writes there."""
    return category if category in RECYCLABLE_MIDDLE_CATEGORIES else None


def _known_tags(tags: list[str]) -> list[str]:
    """Known tags, each once. Endpoints without strict structured output make up others."""
    return [tag for tag in dict.fromkeys(tags) if tag in SITUATION_TAGS][:_TAGS_MAX]


def _name(text: str | None) -> str | None:
    return (text or "").strip()[:_NAME_CHARACTERS] or None


def _items(texts: list[str]) -> list[str]:
    return [text.strip()[:_ITEM_CHARACTERS] for text in texts if text.strip()][:_ITEMS_MAX]


def _at_least_one(items: list[str]) -> list[str]:
    if not items:
        raise ValueError("at least one is needed")
    return items


def _answer(text: str) -> str:
    sentences = _SENTENCE_END.split(text.strip())
    answer = " ".join(sentences[:_ANSWER_SENTENCES])[:_ANSWER_CHARACTERS]
    if not answer:
        raise ValueError("an answer needs a text")
    return answer


def _choice(values: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


class Form(BaseModel):
    """Strict structured output wants every property required and no others; so no field has a default."""

    model_config = ConfigDict(extra="forbid")


class WasteClassification(Form):
    major_category: Annotated[str, AfterValidator(_major), Field(json_schema_extra=_choice(MAJOR_CATEGORIES))]
    middle_category: Annotated[
        str | None,
        AfterValidator(_middle),
        Field(json_schema_extra={"anyOf": [_choice(RECYCLABLE_MIDDLE_CATEGORIES), {"type": "null"}]}),
    ]
    minor_category: Annotated[str | None, AfterValidator(_name)]
    situation_tags: Annotated[
        list[str], AfterValidator(_known_tags), Field(json_schema_extra={"items": _choice(SITUATION_TAGS)})
    ]

    @model_validator(mode="after")
    def _middle_belongs_to_recyclables(self) -> "WasteClassification":
        if self.major_category != RECYCLABLE:
            self.middle_category = None
        elif self.middle_category is None:
            raise ValueError("recyclable waste needs a middle category")
        return self


class DisposalAnswer(Form):
    disposal_steps: Annotated[list[str], AfterValidator(_items), AfterValidator(_at_least_one)]
    insufficiencies: Annotated[list[str], AfterValidator(_items)]
    user_answer: Annotated[str, AfterValidator(_answer)]
