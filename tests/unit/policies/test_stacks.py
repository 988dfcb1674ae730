"""Both stacks pass; a rule neither fails on what is not known yet, nor does it hold that against anybody."""

import pytest

from policies.registry import RULES
from policies.stack_settings import LEVEL, chosen, stacks
from tests.unit.policies.conftest import recorded, stopped_by


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_stack_of_ours_passes_every_mandatory_rule(stack: str) -> None:
    against = stopped_by(recorded(stack), stack)
    assert not against, "\n".join(report.message for reports in against.values() for report in reports)


def test_every_stack_has_a_file_and_every_choice_in_it_is_one_of_a_rules_settings() -> None:
    assert stacks() == ["dev", "prod"]
    settings = {rule.name: {LEVEL, *rule.settings} for rule in RULES}
    for stack in stacks():
        for rule, choice in chosen(stack).items():
            assert rule in settings, f"{stack}.json: there is no rule {rule}"
            assert choice.keys() <= settings[rule], f"{stack}.json, {rule}: unknown settings would be ignored"
