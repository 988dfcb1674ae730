"""The shape of a rule file. Its keys are Korean, because the answering model reads the file as it is."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1)]


class Rule(BaseModel):
    """How one category of waste is thrown away."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    major_category: Text = Field(alias="대분류")
    middle_category: Text = Field(alias="중분류", description="Repeats the major one outside recyclable waste.")
    name: Text = Field(alias="이름", description="What people call it.")
    description: Text = Field(alias="설명", description="What belongs to it, in one or two sentences.")
    items: Texts = Field(alias="대상_품목")
    steps: Annotated[list[Text], Field(min_length=2, max_length=10)] = Field(
        alias="배출방법_공통", description="The steps that hold for all of its items, in their order."
    )
    steps_by_item: dict[Text, Texts] = Field(alias="배출방법_세부", description="More steps for single items.")
    advice_by_tag: dict[Text, Text] = Field(
        alias="상황별_안내", description="What a situation tag (categories.SITUATION_TAGS) changes."
    )
    not_these: dict[Text, Text] = Field(
        alias="배출불가_품목", description="Items that are often taken for this category, and where they go instead."
    )
    ask_locally: Texts = Field(alias="지역_확인", description="What differs between municipalities.")
