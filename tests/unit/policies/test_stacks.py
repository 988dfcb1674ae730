"""Both stacks pass; a rule neither fails on what is not known yet, nor does it hold that against anybody."""

from collections.abc import Iterator
from typing import Any

import pytest

from policies.judging import judge
from policies.registry import RULES
from policies.resources import UNKNOWN, Resource, Stack
from policies.rule import ResourceRule
from policies.stack_settings import LEVEL, chosen, stacks
from tests.unit.conftest import STORES
from tests.unit.policies.conftest import made, recorded, reports, stopped_by


@pytest.mark.parametrize(("stack", "overlay"), [("dev", {}), ("prod", {}), ("prod", STORES)])
def test_a_stack_of_ours_passes_every_mandatory_rule(stack: str, overlay: dict[str, str]) -> None:
    against = stopped_by(recorded(stack, **overlay), stack)
    assert not against, "\n".join(report.message for reports in against.values() for report in reports)


def test_every_stack_has_a_file_and_every_choice_in_it_is_one_of_a_rules_settings() -> None:
    assert stacks() == ["dev", "prod"]
    settings = {rule.name: {LEVEL, *rule.settings} for rule in RULES}
    for stack in stacks():
        for rule, choice in chosen(stack).items():
            assert rule in settings, f"{stack}.json: there is no rule {rule}"
            assert choice.keys() <= settings[rule], f"{stack}.json, {rule}: unknown settings would be ignored"


def paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of everything in nested data."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield (*before, key)
        yield from paths(part, (*before, key))


def with_unknown(value: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        return UNKNOWN
    new = dict(value) if isinstance(value, dict) else list(value)
    new[path[0]] = with_unknown(value[path[0]], path[1:])
    return new


def deep_unknown(value: Any, depth: int) -> Any:
    """Everything from some depth on."""
    if depth == 0:
        return UNKNOWN
    if isinstance(value, dict):
        return {key: deep_unknown(part, depth - 1) for key, part in value.items()}
    return [deep_unknown(part, depth - 1) for part in value] if isinstance(value, list) else value


def replaced(one: Resource, properties: Any) -> Resource:
    return made(one.type, one.name, properties, one.properties.secrets, protected=one.protected, urn=one.urn)


def test_no_single_unknown_value_stops_a_change_or_fails_a_rule() -> None:
    seen = set()
    for one in (*recorded("prod").resources, *recorded("prod", **STORES).resources):
        for path in paths(dict(one.properties)):
            shape = (one.kind, *(key if isinstance(key, str) else 0 for key in path))
            # An object's name is always known: the program gives it.
            if one.kind == "CustomResourceDefinition" or path[0] == "metadata" or shape in seen:
                continue
            seen.add(shape)
            unknown = replaced(one, with_unknown(dict(one.properties), path))
            for rule in RULES:
                if isinstance(rule, ResourceRule):
                    found = judge(rule, unknown, chosen("prod").get(rule.name, {}))
                    assert not found, f"{rule.name}, {path}: {found}"
    assert len(seen) > 300


@pytest.mark.parametrize("depth", range(1, 10))
def test_no_rule_fails_when_everything_below_some_depth_is_unknown(depth: int) -> None:
    unknown = Stack(
        tuple(replaced(one, deep_unknown(dict(one.properties), depth)) for one in recorded("prod", **STORES).resources)
    )
    for rule in RULES:
        failed = [report for report in reports(rule, unknown, {}) if "itself failed" in report.message]
        assert not failed
