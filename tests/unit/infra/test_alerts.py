"""The alerts: each is explained, each can fire, and none does while all is well and busy."""

import re
from typing import Any

import pytest

from app.deadletters.replay import QUEUES as REPLAYED
from infra.monitoring import queries
from tests.unit.conftest import ROOT, Recording, config_in, stack_config

RUNBOOKS = ROOT / "infra" / "monitoring" / "RUNBOOKS.md"


def rules(stack: Recording) -> list[dict[str, Any]]:
    groups = stack.one("PrometheusRule", "alerts").spec["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts(stack: Recording) -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules(stack) if "alert" in rule}


def test_each_alert_has_a_section_that_says_what_to_do_and_each_section_an_alert(built: Recording) -> None:
    sections = re.findall(r"^## (\w+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(alerts(built))
    assert len(sections) == len(set(sections))


def test_an_alert_says_what_it_is_and_where_to_read_on(built: Recording) -> None:
    for name, alert in alerts(built).items():
        assert alert["labels"]["severity"] in ("critical", "warning")
        notes = alert["annotations"]
        assert set(notes) == {"summary", "description", "runbook_url"}
        assert notes["runbook_url"] == f"infra/monitoring/RUNBOOKS.md#{name.lower()}"
        assert notes["description"].endswith("."), f"{name}: a sentence, for somebody who was asleep"


def test_a_prometheus_finds_the_rules_and_the_monitors_by_their_label(built: Recording) -> None:
    made = [*built.of_kind("PrometheusRule"), *built.of_kind("ServiceMonitor")]
    assert len(made) > 10
    assert all(one.metadata["labels"]["release"] == "prometheus" for one in made)


def test_a_recorded_series_is_recorded_before_anybody_asks_for_it(built: Recording) -> None:
    recorded = {rule["record"] for rule in rules(built) if "record" in rule}
    asked = {name for rule in rules(built) for name in re.findall(r"eco2:\w+:?\w*", rule["expr"])}
    assert asked == recorded, "an alert on a series that nobody makes never fires"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_thresholds_suit_the_slots_of_the_stack(stack: str) -> None:
    """A full load is silent, and each alert can fire: no more tasks run than there are slots."""
    config = stack_config(stack)
    slots = config["eco2:workerReplicas"] * config["eco2:workerConcurrency"]
    assert slots * 0.9 <= config["eco2:alertActiveTasks"] < slots
    assert config["eco2:alertUnackedMessages"] > slots, "each of the slots' messages is unacknowledged"
    assert config["eco2:alertQueueMessages"] > slots
    most_unacked = 3 * slots
    assert config["eco2:alertUnackedMessages"] < most_unacked, "so many messages of three queues the workers are handed"


def test_the_default_thresholds_are_the_usual_ones() -> None:
    schema = config_in("Pulumi.yaml")
    names = ("alertQueueMessages", "alertUnackedMessages", "alertActiveTasks", "alertFailuresPerMinute")
    assert [schema[name]["default"] for name in names] == [1000, 100, 50, 10]


def test_dead_letters_are_those_of_people_or_those_that_are_replayed_or_unrouted() -> None:
    assert queries.REPLAYED == REPLAYED, "an alert would come too early, or never"
    kinds = [*queries.DEAD_LETTERS_FOR_PEOPLE, *queries.REPLAYED_DEAD_LETTERS]
    missing = set(queries.DEAD_LETTER_QUEUES) - set(kinds)
    assert {name.rpartition(".")[2] for name in missing} == {"unrouted"}


def test_a_queue_is_named_exactly() -> None:
    assert queries.of_queues("x", ["a.b", "c"]) == 'x{queue=~"a\\\\.b|c"}', "a dot would stand for any character"


def test_no_majority_is_counted_from_the_brokers_that_there_should_be(dev: Recording, prod: Recording) -> None:
    assert alerts(dev)["NoMajority"]["expr"].endswith("< 1")
    assert alerts(prod)["NoMajority"]["expr"].endswith("< 2")
