"""What a scan earns. How decisions are kept needs a database: tests/cluster/test_character.py."""

import pytest

from app.character.catalogue.snapshot import Catalogue
from app.character.decisions import Question, earned
from app.rules import MAJOR_CATEGORIES, RECYCLABLE
from tests.unit.character.conftest import question


def test_clean_recyclable_waste_with_rules_earns_its_character(catalogue: Catalogue) -> None:
    character = earned(question(), catalogue.snapshot)
    assert character is not None
    assert character.code == "char-paper"


@pytest.mark.parametrize(
    "asked",
    [
        *(question(major=major) for major in MAJOR_CATEGORIES if major != RECYCLABLE),
        question(middle=None),
        question(middle=""),
        question(middle="나무"),
        question(has_rules=False),
        question(insufficient=True),
    ],
    ids=lambda asked: repr(asked.classification),
)
def test_anything_else_earns_nothing(catalogue: Catalogue, asked: Question) -> None:
    assert earned(asked, catalogue.snapshot) is None
