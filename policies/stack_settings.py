"""What a stack chooses for rules: its file in this folder, which ``pulumi preview --policy-pack-config`` takes.

In the file a rule's name leads to a level (``"advisory"``), or to its settings and, among them, ``enforcementLevel``.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
LEVEL = "enforcementLevel"


def stacks() -> list[str]:
    """The stacks that have a file."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def chosen(stack: str) -> Mapping[str, Mapping[str, Any]]:
    """A stack's choices by the rule's name; a level stands under ``enforcementLevel``."""
    content: dict[str, Any] = json.loads((FOLDER / f"{stack}.json").read_text())
    return {rule: choice if isinstance(choice, dict) else {LEVEL: choice} for rule, choice in content.items()}
