"""How waste is thrown away in Korea: one JSON file a category, checked and loaded once, at import.

The files are written from general knowledge of the household rules. Municipalities differ in details, and each file
says in which.
"""

import json
from pathlib import Path
from typing import Any

from app.rules.categories import (
    MAJOR_CATEGORIES,
    RECYCLABLE,
    RECYCLABLE_MIDDLE_CATEGORIES,
    SITUATION_TAG_GROUPS,
    SITUATION_TAGS,
    UNKNOWN,
)
from app.rules.schema import Rule

__all__ = [
    "MAJOR_CATEGORIES",
    "RECYCLABLE",
    "RECYCLABLE_MIDDLE_CATEGORIES",
    "RULE_NAMES",
    "SITUATION_TAGS",
    "SITUATION_TAG_GROUPS",
    "UNKNOWN",
    "Rule",
    "find",
    "rule_name",
]

RULE_NAMES = (
    *(f"{RECYCLABLE}_{middle}" for middle in RECYCLABLE_MIDDLE_CATEGORIES),
    *(major for major in MAJOR_CATEGORIES if major not in (RECYCLABLE, UNKNOWN)),
)
"""The names of the rules, which are their files' names without ``.json``."""


def rule_name(major_category: str, middle_category: str | None) -> str:
    """The name that the category's rule has, if there is one."""
    return f"{RECYCLABLE}_{middle_category}" if major_category == RECYCLABLE else major_category


def find(major_category: str, middle_category: str | None) -> dict[str, Any] | None:
    """The rule for a category, as it stands in its file (``Rule`` has the keys); None if there is none.

    The dict is shared between callers: do not change it.
    """
    return _RULES.get(rule_name(major_category, middle_category))


def _load(name: str) -> dict[str, Any]:
    text = (Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8")
    rule: dict[str, Any] = json.loads(text)
    Rule.model_validate(rule)
    return rule


_RULES = {name: _load(name) for name in RULE_NAMES}
