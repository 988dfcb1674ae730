"""The catalogue as the first migration makes it, and questions about it."""

from typing import Any
from uuid import UUID

import pytest

from app.character.catalogue.snapshot import Catalogue, Row
from app.character.decisions import Question
from app.character.migrations.versions.m0001_tables import CHARACTERS
from app.character.rewards import Classification
from app.rules import RECYCLABLE

TASK = UUID("0b7f3a52-3f5c-4c61-9a53-0d0c6d3f7a10")


def row(code: str = "char-paper", *, version: int, **values: Any) -> Row:
    """A row of the catalogue; it earns paper unless told otherwise."""
    texts = {"name": "페이피", "match_label": "종이", "type_label": "종이 캐릭터", "dialog": "안녕!"}
    return Row(code=code, version=version, **{**texts, **values})


def question(*, major: str = RECYCLABLE, middle: str | None = "종이", **values: Any) -> Question:
    """About a clean thing of paper, with rules, unless told otherwise."""
    usual: dict[str, Any] = {"task_id": TASK, "user_id": "u1", "has_rules": True, "insufficient": False}
    classification = Classification(major_category=major, middle_category=middle)
    return Question(classification=classification, **{**usual, **values})


@pytest.fixture
def catalogue() -> Catalogue:
    loaded = Catalogue()
    loaded.replace(
        Row(code=code, name=name, match_label=label, type_label=kind, dialog=dialog, version=version)
        for version, (code, name, label, kind, dialog) in enumerate(CHARACTERS, start=1)
    )
    return loaded
