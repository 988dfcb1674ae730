"""Settings of the monitoring. See infra/settings.py, which reads them."""

import re
from dataclasses import dataclass
from typing import Annotated

from infra.checks import SettingsError, check_at_least, check_resources, quantity
from infra.config_keys import Key
from infra.resources import Resources, resources_of

DAYS_OF_LONGEST_WINDOW = 3
"""The slowest of the burn-rate alerts looks back so far."""


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    operator: Annotated[bool, Key("monitoringOperator")]
    """False: the cluster has prometheus-operator and a Prometheus already. Monitors, rules and dashboards are made
    either way; that Prometheus finds them by their label ``release: prometheus``."""
    manifest: Annotated[str, Key("prometheusOperatorManifest")]
    """URL or file. A relative file is taken from the project's root."""
    sha256: Annotated[str, Key("prometheusOperatorManifestSha256")]
    """Hex. Empty is an error that names the command which pins it."""
    version: Annotated[str, Key("prometheusVersion")]
    """Of the image. The operator decides by it which flags and settings it may use."""
    retention_days: Annotated[int, Key("prometheusRetentionDays")]
    storage: Annotated[str, Key("prometheusStorage")]
    """About 2 bytes a sample: 6,000 series, every 15 s, are 70 MB a day."""
    cpu_request: Annotated[str, Key("prometheusCpuRequest")]
    cpu_limit: Annotated[str, Key("prometheusCpuLimit")]
    memory_request: Annotated[str, Key("prometheusMemoryRequest")]
    memory_limit: Annotated[str, Key("prometheusMemoryLimit")]

    def __post_init__(self) -> None:
        check_resources("prometheus", self.resources)
        quantity("prometheusStorage", self.storage)
        if not re.fullmatch(r"\d+\.\d+\.\d+", self.version):
            raise SettingsError(
                f"prometheusVersion must be a full version such as 3.5.0 (got {self.version!r}): with the flags of "
                "another version Prometheus does not start."
            )
        check_at_least("prometheusRetentionDays", self.retention_days, DAYS_OF_LONGEST_WINDOW)

    @property
    def resources(self) -> Resources:
        return resources_of(self)


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """Thresholds. The defaults suit a handful of slots; a stack sets those that its slots are above of.

    Slots are ``workerReplicas`` × ``workerConcurrency``: so many scans are under way when all is well and busy.
    """

    queue_messages: Annotated[int, Key("alertQueueMessages")]
    """In one work queue, being worked on or not: more than the slots, or a full load would be told as a fault."""
    unacked_messages: Annotated[int, Key("alertUnackedMessages")]
    """In all work queues. A worker is handed as many messages of each queue as it has slots, so that above the slots
    messages wait in workers that are not getting on."""
    active_tasks: Annotated[int, Key("alertActiveTasks")]
    """Just below the slots. It can only be passed while nearly each slot is taken."""
    failures_per_minute: Annotated[int, Key("alertFailuresPerMinute")]
    outbox_seconds: Annotated[int, Key("alertOutboxSeconds")]
    """Age of the oldest scan that the broker has not got. A restart of the broker is shorter."""
    reward_pending_seconds: Annotated[int, Key("alertRewardPendingSeconds")]
    """Longer than the page waits for a reward, shorter than the retries and a replay together."""
    replay_seconds: Annotated[int, Key("alertReplaySeconds")]
    """How long dead letters that are replayed by themselves may be there: three replays and their retries."""
    runbooks: Annotated[str, Key("alertRunbooks")]
    """Where infra/monitoring/RUNBOOKS.md can be read. The name of the alert follows as ``#anchor``."""

    def __post_init__(self) -> None:
        check_at_least("alertQueueMessages", self.queue_messages, 1)
        check_at_least("alertUnackedMessages", self.unacked_messages, 1)
        check_at_least("alertActiveTasks", self.active_tasks, 1)
        check_at_least("alertFailuresPerMinute", self.failures_per_minute, 1)
        check_at_least("alertOutboxSeconds", self.outbox_seconds, 1)
        check_at_least("alertRewardPendingSeconds", self.reward_pending_seconds, 1)
        check_at_least("alertReplaySeconds", self.replay_seconds, 0)
