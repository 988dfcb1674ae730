"""The alerts' meaning, tried by Prometheus' own tool on measurements of half an hour to three days.

``make unit`` fetches promtool.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import topology
from infra.monitoring.queries import ALL_QUEUES, ARCHIVES
from tests.unit.conftest import Recording, run_stack

PROMTOOL = Path(sys.executable).with_name("promtool")
VISION, REWARD = topology.VISION.queue, topology.REWARD_TASK.queue
DEAD_VISION, DEAD_REWARD = topology.dead_letter_queue(VISION), topology.dead_letter_queue(REWARD)
RUNG = topology.REWARD_LADDER[1].name
ARCHIVE = ARCHIVES[0]


def series(metric: str, values: str, **labels: str) -> dict[str, str]:
    """``values`` in promtool's notation: ``start+stepxcount``."""
    pairs = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return {"series": f"{metric}{{{pairs}}}", "values": values}


def queue(name: str, values: str, what: str = "", broker: str = "0") -> dict[str, str]:
    metric = f"rabbitmq_detailed_queue_messages{what}"
    return series(metric, values, vhost=topology.VHOST, queue=name, job="rabbitmq-queues", instance=broker)


def consumers(name: str, values: str) -> dict[str, str]:
    return series("rabbitmq_detailed_queue_consumers", values, vhost=topology.VHOST, queue=name)


def posts(status: str, values: str) -> dict[str, str]:
    return series("http_requests_total", values, route="/classify/async", status=status, job="scan-api")


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is measured, once a minute, and when the alert must fire, and must not (minutes)."""

    alert: str
    given: Sequence[dict[str, str]]
    silent: Sequence[int] = ()
    fires: Sequence[int] = ()


CASES = {
    "a queue above its threshold for five minutes": Case(
        alert="QueueTooLong", given=[queue(VISION, "2001x20")], silent=[4], fires=[6]
    ),
    "a full load": Case(alert="QueueTooLong", given=[queue(VISION, "1000x20")], silent=[19]),
    "a burst of three minutes": Case(alert="QueueTooLong", given=[queue(VISION, "5000x3 0x20")], silent=[3, 10]),
    "a long dead letter queue is another alert's": Case(
        alert="QueueTooLong", given=[queue(DEAD_VISION, "5000x20")], silent=[10]
    ),
    "messages that nobody finishes": Case(
        alert="TooManyUnacked",
        given=[queue(VISION, "1000x20", "_unacked"), queue(topology.RULE.queue, "600x20", "_unacked")],
        silent=[9],
        fires=[11],
    ),
    "a full load that is worked on": Case(
        alert="TooManyUnacked", given=[queue(topology.ANSWER.queue, "1000x20", "_unacked")], silent=[19]
    ),
    "the same queue told by two brokers counts once": Case(
        alert="TooManyUnacked",
        given=[queue(VISION, "900x20", "_unacked", broker) for broker in "012"],
        silent=[19],
    ),
    "a queue that nobody consumes": Case(
        alert="QueueWithoutConsumers",
        given=[consumers(VISION, "2x5 0x10"), consumers(REWARD, "1x15")],
        silent=[5, 7],
        fires=[9],
    ),
    "a dead letter queue has no consumers": Case(
        alert="QueueWithoutConsumers", given=[consumers(DEAD_VISION, "0x15")], silent=[14]
    ),
    "slots that are taken for ten minutes": Case(
        alert="WorkersFull",
        given=[series("scan_tasks_in_flight", "480x20", pod=pod) for pod in "ab"],
        silent=[9],
        fires=[11],
    ),
    "a busy hour": Case(
        alert="WorkersFull", given=[series("scan_tasks_in_flight", "450x20", pod=pod) for pod in "ab"], silent=[19]
    ),
    "eleven failures a minute": Case(
        alert="TasksFail",
        given=[series("scan_tasks_ended_total", "0+11x20", end="failed", task=VISION)],
        silent=[1],
        fires=[8],
    ),
    "nine failures a minute and many retries": Case(
        alert="TasksFail",
        given=[
            series("scan_tasks_ended_total", "0+9x20", end="failed", task=VISION),
            series("scan_tasks_ended_total", "0+500x20", end="retried", task=VISION),
        ],
        silent=[8, 19],
    ),
    "messages that cannot be read are failures too": Case(
        alert="TasksFail", given=[series("scan_messages_buried_total", "0+11x20")], fires=[8]
    ),
    "a scan's dead letter": Case(alert="DeadLetters", given=[queue(DEAD_VISION, "0x5 1x10")], silent=[5], fires=[8]),
    "a reward's dead letter is replayed": Case(alert="DeadLetters", given=[queue(DEAD_REWARD, "1x20")], silent=[19]),
    "a reward's dead letter that stays": Case(
        alert="DeadLettersStay", given=[queue(DEAD_REWARD, "1x40")], silent=[19], fires=[21]
    ),
    "an archive that grows": Case(
        alert="ArchiveGrew", given=[queue(ARCHIVE, "3x10 4x100")], silent=[9, 80], fires=[12, 60]
    ),
    "an archive that shrinks": Case(alert="ArchiveGrew", given=[queue(ARCHIVE, "4x10 3x100")], silent=[12, 60]),
    "a message that found no queue": Case(
        alert="UnroutedMessages", given=[queue(topology.UNROUTED_QUEUE, "1x10")], silent=[0], fires=[2]
    ),
    "a scan that the broker has not got": Case(
        alert="OutboxWaits", given=[series("scan_outbox_oldest_seconds", "0+60x10", pod="a")], silent=[2], fires=[4]
    ),
    "a Redis that is away is another alert's": Case(
        alert="OutboxWaits", given=[series("scan_outbox_oldest_seconds", "NaN NaN NaN NaN NaN", pod="a")], silent=[4]
    ),
    "rewards that are tried again and again": Case(
        alert="RewardsPending",
        given=[queue(REWARD, "0x20", "_ready"), queue(RUNG, "0x3 5x15"), queue(DEAD_REWARD, "0x20")],
        silent=[3, 8],
        fires=[10],
    ),
    "rewards that are given": Case(
        alert="RewardsPending",
        given=[queue(REWARD, "0x20", "_ready"), queue(REWARD, "40x20"), queue(RUNG, "0x20")],
        silent=[19],
    ),
    "a broker that is away for three minutes": Case(
        alert="BrokerDown", given=[series("up", "1x3 0x3 1x10", job="rabbitmq")], silent=[5, 7]
    ),
    "a broker that stays away": Case(
        alert="BrokerDown", given=[series("up", "1x3 0x10", job="rabbitmq")], silent=[7], fires=[10]
    ),
    "no broker, and none that is known of": Case(alert="NoMajority", given=[], silent=[0], fires=[2]),
    "a broker that answers": Case(alert="NoMajority", given=[series("up", "1x10", job="rabbitmq")], silent=[9]),
    "a queue that no broker tells of": Case(
        alert="QueueWithoutLeader",
        given=[queue(name, "0x5 _x10" if name == VISION else "0x15") for name in ALL_QUEUES],
        silent=[4],
        fires=[14],
    ),
    "all queues": Case(alert="QueueWithoutLeader", given=[queue(name, "0x15") for name in ALL_QUEUES], silent=[14]),
    "a memory alarm": Case(
        alert="MemoryAlarm",
        given=[series("rabbitmq_alarms_memory_used_watermark", "0x5 1x5", pod="a")],
        silent=[4],
        fires=[7],
    ),
    "a disk alarm": Case(
        alert="DiskAlarm",
        given=[series("rabbitmq_alarms_free_disk_space_watermark", "0x5 1x5", pod="a")],
        silent=[4],
        fires=[7],
    ),
    "two percent of the POSTs fail": Case(
        alert="PostErrorsFast", given=[posts("202", "0+98x120"), posts("503", "0+2x120")], fires=[70]
    ),
    "half a percent of the POSTs fail for an hour": Case(
        alert="PostErrorsFast", given=[posts("202", "0+995x120"), posts("503", "0+5x120")], silent=[60]
    ),
    "errors that have ended are no alarm any more": Case(
        alert="PostErrorsFast",
        given=[posts("202", "0+80x180"), posts("503", "0+20x60 1200x120")],
        fires=[58],
        silent=[100],
    ),
    "errors of others": Case(
        alert="PostErrorsFast", given=[posts("202", "0+50x120"), posts("429", "0+50x120")], silent=[60, 119]
    ),
    "no POST at all": Case(alert="PostErrorsFast", given=[posts("202", "5x120")], silent=[60]),
    "four per mille for a day and a half": Case(
        alert="PostErrorsSlow", given=[posts("202", "0+996x2400"), posts("500", "0+4x2400")], fires=[2300]
    ),
    "half a per mille": Case(
        alert="PostErrorsSlow", given=[posts("202", "0+9995x2400"), posts("500", "0+5x2400")], silent=[2300]
    ),
    "a certificate that nobody renews": Case(
        alert="CertificateEnds",
        given=[
            series("certmanager_certificate_expiration_timestamp_seconds", f"{13 * 86400}x90", namespace="rabbitmq")
        ],
        silent=[30],
        fires=[65],
    ),
    "a certificate of a month": Case(
        alert="CertificateEnds",
        given=[
            series("certmanager_certificate_expiration_timestamp_seconds", f"{30 * 86400}x90", namespace="rabbitmq")
        ],
        silent=[85],
    ),
    "something that does not answer": Case(
        alert="TargetDown", given=[series("up", "1x3 0x10", job="authz")], silent=[7], fires=[10]
    ),
}


def spec(stack: Recording) -> dict[str, Any]:
    return stack.one("PrometheusRule", "alerts").spec


def promtool(*arguments: str) -> None:
    assert PROMTOOL.exists(), "make promtool fetches it"
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The development stack's rules."""
    file = tmp_path_factory.mktemp("rules") / "rules.yaml"
    file.write_text(yaml.safe_dump(spec(run_stack("dev"))))
    return file


def test_prometheus_reads_the_rules(built: Recording, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(spec(built)))
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(file))


def test_each_alert_is_tried_in_both_directions(dev: Recording) -> None:
    names = {rule["alert"] for group in spec(dev)["groups"] for rule in group["rules"] if "alert" in rule}
    fired = {case.alert for case in CASES.values() if case.fires}
    silent = {case.alert for case in CASES.values() if case.silent}
    assert fired == silent == names


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should_and_not_before(name: str, rules: Path, tmp_path: Path) -> None:
    case = CASES[name]
    # An alert that fires counts whatever its labels and texts say; ALERTS has them as a series.
    query = f'count(ALERTS{{alertname="{case.alert}",alertstate="firing"}}) > bool 0 or vector(0)'
    wanted = [(minute, 0) for minute in case.silent] + [(minute, 1) for minute in case.fires]
    tests = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": list(case.given),
                "promql_expr_test": [
                    {"expr": query, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": value}]}
                    for minute, value in wanted
                ],
            }
        ],
    }
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump(tests))
    promtool("test", "rules", str(file))
