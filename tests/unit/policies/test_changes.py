"""Of a pull request the pack stops what breaks something, with the resource and the property, and nothing else."""

import functools

import pytest

from policies.judging import Report
from policies.registry import RULES
from policies.resources import Resource, Stack
from policies.rule import Level
from policies.stack_settings import LEVEL, chosen
from tests.unit.policies.changes import DROPPED, HARMLESS, IN_PLAIN, STOPPED, UNPROTECTED, Change
from tests.unit.policies.conftest import changed, made, recorded, reports, rule


def after(change: Change) -> Stack:
    """The stack with the change; all resources of the kind and the name are changed, as a program would do it."""
    whole = recorded(change.stack, **change.overlay).resources
    touched = [one for one in whole if (one.kind, one.object_name) == (change.kind, change.object)]
    assert touched, f"there is no {change.kind} {change.object}"
    new = {one.urn: with_change(one, change) for one in touched}
    return Stack(tuple(kept for one in whole if (kept := new.get(one.urn, one)) is not None))


def with_change(one: Resource, change: Change) -> Resource | None:
    secrets, protected = one.properties.secrets, one.protected
    match change.path:
        case "dropped":
            return None
        case "unprotected":
            protected = False
        case "in plain":
            secrets = frozenset()
        case _:
            return changed(one, change.path, change.value)
    return made(one.type, one.name, dict(one.properties), secrets, protected=protected, urn=one.urn)


@functools.cache
def before(stack: str, name: str, **overlay: str) -> frozenset[str]:
    return frozenset(report.message for report in against(recorded(stack, **overlay), stack, name))


def against(whole: Stack, stack: str, name: str) -> list[Report]:
    return reports(rule(name), whole, chosen(stack).get(name, {}))


def level(name: str, stack: str) -> str:
    return str(chosen(stack).get(name, {}).get(LEVEL, rule(name).level.value))


@pytest.mark.parametrize("change", STOPPED, ids=lambda change: change.name)
def test_a_change_that_breaks_something_is_stopped_with_its_resource_and_property(change: Change) -> None:
    whole = after(change)
    old = before(change.stack, change.rule, **change.overlay)
    new = {report.message for report in against(whole, change.stack, change.rule)} - old
    assert new, f"{change.rule} lets it pass"
    titles = [one.title for one in whole.resources if (one.kind, one.object_name) == (change.kind, change.object)]
    is_whole = change.path in (DROPPED, UNPROTECTED, IN_PLAIN)
    where = change.says or ("" if is_whole else change.path.replace(".0", "[0]"))
    wanted = [f"{title}: {where}" for title in ([change.about] if change.about else titles)]
    assert any(message.startswith(tuple(wanted)) for message in new), new
    assert not any("itself failed" in message for message in new)


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.name)
def test_a_harmless_change_is_not_stopped(change: Change) -> None:
    whole = after(change)
    stopped = [
        report.message
        for one in RULES
        if level(one.name, change.stack) == Level.MANDATORY
        for report in against(whole, change.stack, one.name)
    ]
    assert not stopped


def test_every_rule_stops_a_change_of_our_own_stacks() -> None:
    assert {change.rule for change in STOPPED} == {one.name for one in RULES}, "a rule that never fires guards nothing"


def test_there_are_forty_properties_that_no_change_can_break_and_ten_changes_that_are_fine() -> None:
    mandatory = {
        (change.stack, change.kind, change.object, change.path, str(change.value))
        for change in STOPPED
        if level(change.rule, change.stack) == Level.MANDATORY
    }
    assert len(mandatory) >= 40
    assert len(HARMLESS) >= 10
