from pathlib import Path
from typing import Any

import pytest

from app import rules

FOLDER = Path(rules.__file__).parent


def all_rules() -> list[tuple[str, dict[str, Any]]]:
    names = [name.partition("_") for name in rules.RULE_NAMES]
    found = [(major + "_" * bool(middle) + middle, rules.find(major, middle or major)) for major, _, middle in names]
    return [(name, rule) for name, rule in found if rule is not None]


def test_there_are_eighteen_rules_and_no_file_beside_them() -> None:
    assert len(all_rules()) == 18
    assert {path.stem for path in FOLDER.glob("*.json")} == set(rules.RULE_NAMES), "a file that nobody finds is dead"


@pytest.mark.parametrize(("name", "rule"), all_rules(), ids=rules.RULE_NAMES)
def test_a_rule_says_the_category_that_its_file_is_named_for(name: str, rule: dict[str, Any]) -> None:
    assert rules.rule_name(rule["대분류"], rule["중분류"]) == name


@pytest.mark.parametrize(("name", "rule"), all_rules(), ids=rules.RULE_NAMES)
def test_advice_is_given_for_tags_that_exist(name: str, rule: dict[str, Any]) -> None:
    assert set(rule["상황별_안내"]) <= set(rules.SITUATION_TAGS), f"{name}: advice for an unknown tag is never shown"


@pytest.mark.parametrize(
    ("major", "middle"),
    [
        ("미분류", "미분류"),
        ("미분류", None),
        ("재활용폐기물", None),
        ("재활용폐기물", "가구"),
        ("", ""),
        ("../x", None),
    ],
)
def test_what_has_no_rule_is_not_found(major: str, middle: str | None) -> None:
    assert rules.find(major, middle) is None


def test_outside_recyclable_waste_the_middle_category_does_not_matter() -> None:
    assert rules.find("대형폐기물", None) == rules.find("대형폐기물", "대형폐기물") is not None


def test_categories_and_tags_are_complete_and_unique() -> None:
    assert (len(rules.MAJOR_CATEGORIES), len(rules.RECYCLABLE_MIDDLE_CATEGORIES)) == (8, 12)
    assert len(rules.SITUATION_TAG_GROUPS) == 11
    assert len(rules.SITUATION_TAGS) == len(set(rules.SITUATION_TAGS)) == 80


def test_most_tags_change_some_advice() -> None:
    used = {tag for _, rule in all_rules() for tag in rule["상황별_안내"]}
    assert len(used) > 40, "tags that no rule knows cost the model words and give people nothing"
