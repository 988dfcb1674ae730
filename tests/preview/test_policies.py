"""The policy pack in the engine: a change that breaks a rule ends the preview."""

import subprocess

import pytest

from tests.preview.test_stores import preview


@pytest.fixture(scope="module")
def stopped() -> subprocess.CompletedProcess[str]:
    return preview("rabbitmqReplicas=1", "protectData=false")


def test_a_change_that_breaks_a_rule_ends_the_preview(stopped: subprocess.CompletedProcess[str]) -> None:
    assert stopped.returncode != 0
    assert "[mandatory]  require-broker-majority" in stopped.stdout
    assert "[mandatory]  protect-data" in stopped.stdout


def test_its_message_names_resource_and_property_and_says_how_to_mend_it(
    stopped: subprocess.CompletedProcess[str],
) -> None:
    wanted = "RabbitmqCluster rabbitmq/eco2-rabbitmq: spec.replicas is 1, wanted an odd number, 3 or more. Set eco2:"
    assert wanted in stopped.stdout
