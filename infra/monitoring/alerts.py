"""The alerts: one row each. infra/monitoring/RUNBOOKS.md says of each what to do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from app import topology
from infra import namespaces
from infra.labels import labels
from infra.monitoring import burn_rate
from infra.monitoring.objects import RELEASE, MonitoringObject
from infra.monitoring.queries import (
    ALL_QUEUES,
    ARCHIVES,
    CONSUMED_QUEUES,
    CONSUMERS,
    DEAD_LETTERS_FOR_PEOPLE,
    MESSAGES,
    READY,
    RECORDED,
    REPLAYED_DEAD_LETTERS,
    UNACKED,
    WAITING_REWARDS,
    WORK_QUEUES,
    of_queues,
    recording,
)
from infra.monitoring.rules import Alert, Rule, Severity
from infra.monitoring.targets import BROKER
from infra.monitoring_settings import Alerts

FAILED = 'rate(scan_tasks_ended_total{end="failed"}[5m])'
BURIED = "rate(scan_messages_buried_total[5m])"
"""Messages that no task could be made of: rejected as well, but by no task."""

ARCHIVE_WINDOW = "1h"


@dataclass(frozen=True, kw_only=True)
class AlertRulesArgs:
    namespace: str
    settings: Alerts
    brokers: int
    """How many there should be."""


class AlertRules(pulumi.ComponentResource):
    """The PrometheusRule. A Prometheus takes it up by its label."""

    def __init__(self, name: str, args: AlertRulesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:monitoring:AlertRules", name, None, opts)
        MonitoringObject(
            name,
            "PrometheusRule",
            name=name,
            namespace=args.namespace,
            labels={**labels(name, "rules"), **RELEASE},
            spec=rules_spec(args.settings, args.brokers),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def rules_spec(settings: Alerts, brokers: int) -> dict[str, Any]:
    """Also what ``promtool`` reads."""
    groups: dict[str, Sequence[Rule]] = {
        "eco2-records": [*(Rule(name=name, expr=recording(metric)) for name, metric in RECORDED.items())],
        "eco2-burn-rate": burn_rate.records(),
        "eco2-load": list(load(settings)),
        "eco2-messages": list(messages(settings)),
        "eco2-brokers": list(brokers_alerts(brokers)),
        "eco2-promises": [*burn_rate.alerts(), TARGET_DOWN, CERTIFICATE_ENDS],
    }
    return {
        "groups": [
            {"name": name, "rules": [rule.document(settings.runbooks) for rule in rules]}
            for name, rules in groups.items()
        ]
    }


def alerts(settings: Alerts, brokers: int) -> list[str]:
    """The names of all alerts."""
    groups = rules_spec(settings, brokers)["groups"]
    return [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]


def load(settings: Alerts) -> Iterator[Alert]:
    """What an overload, or workers that do not get on, look like."""
    yield Alert(
        name="QueueTooLong",
        expr=f"{of_queues(MESSAGES, WORK_QUEUES)} > {settings.queue_messages}",
        lasting="5m",
        severity=Severity.WARNING,
        summary="{{ $labels.queue }} has {{ $value }} messages",
        description="More arrive than the workers get done, so that each scan waits longer than the one before it.",
    )
    yield Alert(
        name="TooManyUnacked",
        expr=f"sum({of_queues(UNACKED, WORK_QUEUES)}) > {settings.unacked_messages}",
        lasting="10m",
        severity=Severity.WARNING,
        summary="{{ $value }} messages are with consumers and not done",
        description="Consumers hold more messages than they have slots, and have not got on for ten minutes.",
    )
    yield Alert(
        name="QueueWithoutConsumers",
        expr=f"{of_queues(CONSUMERS, CONSUMED_QUEUES)} == 0",
        lasting="2m",
        severity=Severity.CRITICAL,
        summary="Nobody consumes {{ $labels.queue }}",
        description="Its messages wait. Nothing is lost before they expire, but nothing gets done either.",
    )
    yield Alert(
        name="WorkersFull",
        expr=f"sum(scan_tasks_in_flight) > {settings.active_tasks}",
        lasting="10m",
        severity=Severity.WARNING,
        summary="{{ $value }} tasks run at the same time",
        description="Nearly each slot of the workers has been taken for ten minutes, new scans wait for one.",
    )
    yield Alert(
        name="TasksFail",
        expr=f"60 * ((sum({FAILED}) or vector(0)) + (sum({BURIED}) or vector(0))) > {settings.failures_per_minute}",
        lasting="1m",
        severity=Severity.CRITICAL,
        summary="{{ $value | humanize }} tasks fail a minute",
        description="They have used up their retries or cannot be read, and are among the dead letters.",
    )


def messages(settings: Alerts) -> Iterator[Alert]:
    """Messages that are where none should stay."""
    yield Alert(
        name="DeadLetters",
        expr=f"{of_queues(MESSAGES, DEAD_LETTERS_FOR_PEOPLE)} > 0",
        lasting="1m",
        severity=Severity.WARNING,
        summary="{{ $labels.queue }} has {{ $value }} messages",
        description="Their scans have failed. Nobody but people tries these messages again.",
    )
    yield Alert(
        name="DeadLettersStay",
        expr=f"{of_queues(MESSAGES, REPLAYED_DEAD_LETTERS)} > 0",
        lasting=f"{settings.replay_seconds}s",
        severity=Severity.WARNING,
        summary="{{ $labels.queue }} has {{ $value }} messages",
        description="The automatic replays have not emptied it: what they need is down, or does not want them.",
    )
    yield Alert(
        name="ArchiveGrew",
        expr=f"{of_queues(MESSAGES, ARCHIVES)} > min_over_time({of_queues(MESSAGES, ARCHIVES)}[{ARCHIVE_WINDOW}])",
        lasting="0s",
        severity=Severity.WARNING,
        summary="{{ $labels.queue }} has grown to {{ $value }} messages",
        description="Somebody's reward or scan was given up within the last hour. It is deleted in 30 days.",
    )
    yield Alert(
        name="UnroutedMessages",
        expr=f"{of_queues(MESSAGES, [topology.UNROUTED_QUEUE])} > 0",
        lasting="1m",
        severity=Severity.CRITICAL,
        summary="{{ $value }} messages found no queue",
        description="A binding is missing, or a program publishes with a key that no binding has.",
    )
    yield Alert(
        name="OutboxWaits",
        expr=f"max(scan_outbox_oldest_seconds) > {settings.outbox_seconds}",
        lasting="30s",
        severity=Severity.CRITICAL,
        summary="An accepted scan has been waiting for the broker for {{ $value | humanizeDuration }}",
        description="The API accepts scans and cannot pass them on. When the outbox is full it answers 429.",
    )
    reward = [topology.REWARD_TASK.queue]
    yield Alert(
        name="RewardsPending",
        expr=f"sum({of_queues(READY, reward)}) + sum({of_queues(MESSAGES, WAITING_REWARDS)}) > 0",
        lasting=f"{settings.reward_pending_seconds}s",
        severity=Severity.WARNING,
        summary="{{ $value }} rewards are waiting",
        description="Answers are shown, their rewards are not: Character or its database does not answer.",
    )


def brokers_alerts(brokers: int) -> Iterator[Alert]:
    """The brokers themselves. Each is judged by what Prometheus can reach, so that silence counts as absence."""
    up = f'(sum(up{{job="{BROKER}"}}) or vector(0))'
    yield Alert(
        name="NoMajority",
        expr=f"{up} < {brokers // 2 + 1}",
        lasting="1m",
        severity=Severity.CRITICAL,
        summary="{{ $value }} of the brokers answer",
        description=f"Quorum queues need {brokers // 2 + 1} of {brokers}. Until then scans wait in the outbox.",
    )
    yield Alert(
        name="BrokerDown",
        expr=f"{up} < {brokers}",
        lasting="5m",
        severity=Severity.WARNING,
        summary="{{ $value }} of the brokers answer",
        description=f"There should be {brokers}. The next loss may stop the queues.",
    )
    yield Alert(
        name="QueueWithoutLeader",
        expr=f"(count({of_queues(MESSAGES, ALL_QUEUES)}) or vector(0)) < {len(ALL_QUEUES)}",
        lasting="2m",
        severity=Severity.CRITICAL,
        summary="Only {{ $value }} queues are told of",
        description=f"A queue's leader tells of it. There are {len(ALL_QUEUES)}: the others have none, or are gone.",
    )
    for name, metric, what in (
        ("MemoryAlarm", "rabbitmq_alarms_memory_used_watermark", "memory"),
        ("DiskAlarm", "rabbitmq_alarms_free_disk_space_watermark", "disk space"),
    ):
        yield Alert(
            name=name,
            expr=f"max by (pod) ({metric}) > 0",
            lasting="15s",
            severity=Severity.CRITICAL,
            summary=f"{{{{ $labels.pod }}}} is short of {what}",
            description="All brokers block all publishers until it has enough again. Scans wait in the outbox.",
        )


TARGET_DOWN = Alert(
    name="TargetDown",
    expr="up == 0",
    lasting="5m",
    severity=Severity.WARNING,
    summary="{{ $labels.job }} of {{ $labels.namespace }} does not tell how it is",
    description="Its pod {{ $labels.pod }} is down, or a NetworkPolicy keeps Prometheus from it.",
)

CERTIFICATE_DAYS = 14

CERTIFICATE_ENDS = Alert(
    name="CertificateEnds",
    expr="certmanager_certificate_expiration_timestamp_seconds"
    f'{{namespace=~"{namespaces.RABBITMQ}|{namespaces.OPERATORS}"}} - time() < {CERTIFICATE_DAYS} * 86400',
    lasting="1h",
    severity=Severity.WARNING,
    summary="Certificate {{ $labels.name }} of {{ $labels.namespace }} ends in {{ $value | humanizeDuration }}",
    description="cert-manager renews it a third of its time before, and has not. Brokers without one refuse clients.",
)
"""Where cert-manager makes the certificates and is watched: the brokers themselves tell nothing of theirs."""
