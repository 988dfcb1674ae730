"""Runs rules, and words what they find. What a rule cannot know yet is no violation; a rule that fails is one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policies.exceptions import is_exempt
from policies.resources import Resource, Stack, has_unknown
from policies.rule import ResourceRule, Rule, Settings, StackRule, Violation

LONGEST_VALUE = 160
SECRET = "[secret]"


@dataclass(frozen=True)
class Report:
    """What people read. ``urn`` is empty where it is the rule itself that failed on the whole stack."""

    urn: str
    message: str


def judge(rule: ResourceRule | StackRule, subject: Resource | Stack, given: Settings) -> list[Report]:
    """What the rule has against a resource, or against a stack."""
    reports: list[Report] = []
    urn = subject.urn if isinstance(subject, Resource) else ""
    try:
        for violation in _violations(rule, subject, rule.chosen(given)):
            if is_known(violation) and not is_exempt(rule.name, violation.resource):
                reports.append(Report(violation.resource.urn, message(rule, violation)))
    except Exception as error:
        # One rule that fails must stop the change, but not keep the others from being heard.
        reports.append(Report(urn, f"the rule {rule.name} itself failed, {type(error).__name__}: {error}"))
    return reports


def _violations(rule: Rule, subject: Resource | Stack, settings: Settings) -> Iterator[Violation]:
    match rule, subject:
        case ResourceRule(), Resource():
            if rule.is_for(subject.kind):
                yield from rule.check(subject, settings)
        case StackRule(), Stack():
            yield from rule.check(subject, settings)


def is_known(violation: Violation) -> bool:
    return violation.resource.knows(violation.property) and not has_unknown(violation.found)


def message(rule: Rule, violation: Violation) -> str:
    """Resource, property, what it is and must be, and how to mend it."""
    found = SECRET if violation.resource.is_secret(violation.property) else shown(violation.found)
    return f"{violation.resource.title}: {violation.property} is {found}, wanted {violation.wanted}. {rule.remedy}"


def shown(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "not set"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} …"
