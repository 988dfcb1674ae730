"""Writes the table of rules into policies/README.md: ``python -m policies.readme``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policies.exceptions import EXEMPT, Exempt
from policies.registry import RULES
from policies.rule import Rule
from policies.stack_settings import LEVEL, chosen, stacks

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- rules: python -m policies.readme -->\n", "<!-- end of rules -->\n"


def written(text: str) -> str:
    """The README's text with the table as the code has it now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def table() -> str:
    header = ["| rule | level | what must hold | settings |", "|---|---|---|---|"]
    exempt = ["| rule | let off | why |", "|---|---|---|", *map(_exempt, EXEMPT)]
    return "\n".join([*header, *map(_row, RULES), "", *exempt, ""])


def _row(rule: Rule) -> str:
    settings = "<br>".join(_settings(rule))
    return f"| `{rule.name}` | {_values(rule.name, LEVEL, rule.level.value)} | {rule.description} | {settings} |"


def _settings(rule: Rule) -> Iterator[str]:
    for name, setting in rule.settings.items():
        yield f"`{name}`: {setting.description} ({_values(rule.name, name, setting.default)})"


def _values(rule: str, name: str, default: Any) -> str:
    """The default, and what stacks have chosen otherwise."""
    others = {stack: chosen(stack).get(rule, {}).get(name, default) for stack in stacks()}
    return ", ".join(
        [_shown(default), *(f"{stack}: {_shown(value)}" for stack, value in others.items() if value != default)]
    )


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value or "none"
    return f"`{json.dumps(value)}`" if not isinstance(value, list | dict) else ", ".join(map(str, value)) or "none"


def _exempt(exempt: Exempt) -> str:
    return f"| `{exempt.rule}` | {exempt.kind} `{exempt.namespace}/{exempt.name}` | {exempt.reason} |"


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
