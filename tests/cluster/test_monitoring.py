"""Monitoring in the lab: everything is asked, everything that is shown has data, and alerts tell of real faults."""

import json
import math
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from app import topology
from tests.cluster.clients import Broker, Json, Model, Scans, Shell, wait_for
from tests.cluster.monitoring import Prometheus
from tests.cluster.outages import Lab
from tests.cluster.rewards import (
    COPIES,
    POSTGRES_OUTAGE_SECONDS,
    USERS_OF_POSTGRES,
    Rows,
    assert_all_granted_once,
    restarts,
    submit,
    without_postgres,
)

SCRAPES_SECONDS = 60
"""Two measurements, and the rules that are computed of them."""
NO_TASK = "no task's message"


def down(prometheus: Prometheus) -> list[str]:
    return [
        f"{target['scrapeUrl']}: {target['lastError']}" for target in prometheus.targets() if target["health"] != "up"
    ]


@pytest.mark.every_stack
def test_everything_that_is_to_be_watched_answers(shell: Shell, prometheus: Prometheus) -> None:
    monitors = {item["metadata"]["name"] for item in shell.get("servicemonitors", "--all-namespaces")["items"]}
    wanted = monitors | {"rabbitmq-queues"}
    wait_for("all targets to be up", lambda: not down(prometheus), SCRAPES_SECONDS)
    assert {target["labels"]["job"] for target in prometheus.targets()} == wanted


def test_each_pod_of_a_workload_is_watched(shell: Shell, prometheus: Prometheus) -> None:
    def watched(job: str) -> set[str]:
        return {target["labels"]["pod"] for target in prometheus.targets() if target["labels"]["job"] == job}

    workers = {pod["metadata"]["name"] for pod in shell.ready_pods("scan", "scan-worker")}
    assert len(workers) > 1
    wait_for("each worker to be watched", lambda: watched("scan-worker") == workers, SCRAPES_SECONDS)


@pytest.mark.every_stack
def test_prometheus_has_the_rules_that_were_declared_and_can_compute_them(shell: Shell, prometheus: Prometheus) -> None:
    groups = shell.get("prometheusrule", "alerts", "--namespace=monitoring")["spec"]["groups"]
    declared = {rule.get("alert") or rule["record"] for group in groups for rule in group["rules"]}
    wait_for(
        "the rules to be loaded", lambda: {rule["name"] for rule in prometheus.rules()} == declared, SCRAPES_SECONDS
    )
    wait_for("each to be computed", lambda: all(rule["health"] == "ok" for rule in prometheus.rules()))


def test_the_brokers_tell_of_every_queue(prometheus: Prometheus) -> None:
    found = prometheus.get("query", query="eco2:queue_messages")["result"]
    assert {item["metric"]["queue"] for item in found} >= {queue.name for queue in topology.QUEUES}


def test_every_line_of_every_dashboard_has_data(
    shell: Shell, scans: Scans, model: Model, photos: list[Path], prometheus: Prometheus
) -> None:
    maps = shell.get("configmaps", "--namespace=monitoring", "--selector=grafana_dashboard=1")["items"]
    dashboards = [json.loads(text) for item in maps for text in item["data"].values()]
    assert len(dashboards) == 3

    queries = {
        target["expr"]: f"{dashboard['title']}, {panel['title']}"
        for dashboard in dashboards
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }

    def all_have_data() -> bool:
        """Those that have are not asked again. A scan each time, because a rate is seen where a count grows between two
        measurements: of scans that are all over before the first there is none."""
        scans.submit(photos[0])
        for query in list(queries):
            if not all(math.isnan(value) for value in prometheus.values(query)):
                del queries[query]
        return not queries

    try:
        wait_for("the scans to be measured", all_have_data, 2 * SCRAPES_SECONDS, every_seconds=5)
    except AssertionError as error:
        raise AssertionError(f"without data: {queries}") from error


FAULTS = ("DeadLetters", "UnroutedMessages", "QueueWithoutConsumers", "DiskAlarm", "MemoryAlarm", "OutboxWaits")


def test_alerts_fire_for_real_faults_which_only_delay_rewards(
    hurried: None, lab: Lab, scans: Scans, broker: Broker, model: Model, photo: Path, prometheus: Prometheus, rows: Rows
) -> None:
    """All at once, because each alert waits for a minute or two before it fires: PostgreSQL is away for as long."""
    dead = topology.dead_letter_queue(topology.VISION.queue)
    tasks = submit(scans, rows, 20)
    stay = set(USERS_OF_POSTGRES) - {COPIES}
    before = restarts(lab.shell, *stay)
    with lab.well_afterwards(), ExitStack() as repairs:
        repairs.enter_context(without_postgres(lab.shell))
        begun = time.monotonic()
        tasks += submit(scans, rows, 20, first=20)
        assert {scans.finish(task)["status"] for task in tasks} == {"completed"}
        for queue in (dead, topology.UNROUTED_QUEUE):
            repairs.callback(broker.purge, queue)
        broker.publish(topology.SCAN.name, topology.VISION.queue, NO_TASK)
        broker.publish(topology.SCAN.name, "nobody.wants.this", NO_TASK)
        repairs.enter_context(lab.without(*COPIES))
        wait_for("the message to die", lambda: lab.messages_in(dead) > 0)
        repairs.enter_context(lab.disk_alarm())
        repairs.enter_context(lab.memory_alarm())
        scans.submit(photo)

        def missing() -> set[str]:
            return set(FAULTS) - prometheus.firing()

        wait_for("the alerts", lambda: not missing(), 300, every_seconds=5)
        time.sleep(max(0.0, begun + POSTGRES_OUTAGE_SECONDS - time.monotonic()))
        assert restarts(lab.shell, *stay) == before, "a pod was restarted for the database's sake"
    assert_all_granted_once(scans, rows, tasks, 120)
    wait_for("the alerts to end", lambda: not set(FAULTS) & prometheus.firing(), 120, every_seconds=5)


def test_an_alert_leads_to_its_runbook(prometheus: Prometheus) -> None:
    alerts: list[Json] = [rule for rule in prometheus.rules() if rule["type"] == "alerting"]
    assert len(alerts) >= 15
    for alert in alerts:
        assert alert["annotations"]["runbook_url"].endswith(f"#{alert['name'].lower()}")
