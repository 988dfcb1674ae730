"""Settings of what runs from the app's image. See infra/settings.py, which reads them."""

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

import pulumi

from infra.checks import SettingsError, check_above, check_at_least, check_one_of, check_resources
from infra.config_keys import Key
from infra.resources import Resources, resources_of

FIXED, HPA, KEDA = "none", "hpa", "keda"
"""Who decides how many pods there are: the stack's file alone, or an autoscaler within its bounds."""


@dataclass(frozen=True, kw_only=True)
class Api:
    replicas: Annotated[int, Key("apiReplicas")]
    service_type: Annotated[str, Key("apiServiceType")]
    cpu_request: Annotated[str, Key("apiCpuRequest")]
    cpu_limit: Annotated[str, Key("apiCpuLimit")]
    memory_request: Annotated[str, Key("apiMemoryRequest")]
    memory_limit: Annotated[str, Key("apiMemoryLimit")]
    """Uploads are decoded in memory: a 10 MB photo can be 100 MB of pixels."""
    outbox_max_entries: Annotated[int, Key("outboxMaxEntries")]
    """Bounds what a broker outage may pile up in Redis."""
    state_ttl_seconds: Annotated[int, Key("stateTtlSeconds")]
    scaling: Annotated[str, Key("apiScaling")]
    max_replicas: Annotated[int, Key("apiMaxReplicas")]
    cpu_target: Annotated[int, Key("apiCpuTarget")]
    """Percent of ``cpu_request``."""

    def __post_init__(self) -> None:
        check_at_least("apiReplicas", self.replicas, 1)
        check_one_of("apiScaling", self.scaling, (FIXED, HPA))
        check_at_least("apiCpuTarget", self.cpu_target, 1)
        if self.most_replicas:
            check_above("apiMaxReplicas", self.most_replicas, "apiReplicas", self.replicas)
        check_one_of("apiServiceType", self.service_type, ("ClusterIP", "LoadBalancer"))
        check_resources("api", self.resources)
        check_at_least("outboxMaxEntries", self.outbox_max_entries, 1)
        check_at_least("stateTtlSeconds", self.state_ttl_seconds, 60)

    @property
    def most_replicas(self) -> int | None:
        """What an autoscaler may go up to; None: there is none."""
        return None if self.scaling == FIXED else self.max_replicas

    @property
    def resources(self) -> Resources:
        return resources_of(self)


@dataclass(frozen=True, kw_only=True)
class Worker:
    replicas: Annotated[int, Key("workerReplicas")]
    concurrency: Annotated[int, Key("workerConcurrency")]
    """Slots of one pod. A scan waits for the model nearly all of its time, so a slot is a thread that sleeps."""
    cpu_request: Annotated[str, Key("workerCpuRequest")]
    cpu_limit: Annotated[str, Key("workerCpuLimit")]
    memory_request: Annotated[str, Key("workerMemoryRequest")]
    memory_limit: Annotated[str, Key("workerMemoryLimit")]
    scaling: Annotated[str, Key("workerScaling")]
    """By CPU (``hpa``) only where the model is quick: workers wait for it, and are full long before they are busy."""
    max_replicas: Annotated[int, Key("workerMaxReplicas")]
    cpu_target: Annotated[int, Key("workerCpuTarget")]
    """Percent of ``cpu_request``."""
    messages_per_pod: Annotated[int, Key("workerMessagesPerPod")]
    """Of the worker's queues together, waiting and worked on. Below ``concurrency``: a new pod takes a while."""

    def __post_init__(self) -> None:
        check_at_least("workerReplicas", self.replicas, 1)
        check_at_least("workerConcurrency", self.concurrency, 1)
        check_resources("worker", self.resources)
        check_one_of("workerScaling", self.scaling, (FIXED, HPA, KEDA))
        check_at_least("workerCpuTarget", self.cpu_target, 1)
        check_at_least("workerMessagesPerPod", self.messages_per_pod, 1)
        if self.most_replicas:
            check_above("workerMaxReplicas", self.most_replicas, "workerReplicas", self.replicas)
        if self.scaling == KEDA and self.messages_per_pod > self.concurrency:
            raise SettingsError(
                f"workerMessagesPerPod ({self.messages_per_pod}) must be at most workerConcurrency "
                f"({self.concurrency}): scans would wait for a slot, and no pod would be added."
            )

    @property
    def most_replicas(self) -> int | None:
        """What an autoscaler may go up to; None: there is none."""
        return None if self.scaling == FIXED else self.max_replicas

    @property
    def resources(self) -> Resources:
        return resources_of(self)


@dataclass(frozen=True, kw_only=True)
class Rewards:
    """The reward-worker."""

    replicas: Annotated[int, Key("rewardWorkerReplicas")]
    cpu_request: Annotated[str, Key("rewardWorkerCpuRequest")]
    cpu_limit: Annotated[str, Key("rewardWorkerCpuLimit")]
    memory_request: Annotated[str, Key("rewardWorkerMemoryRequest")]
    memory_limit: Annotated[str, Key("rewardWorkerMemoryLimit")]

    def __post_init__(self) -> None:
        check_at_least("rewardWorkerReplicas", self.replicas, 1)
        check_resources("rewardWorker", self.resources)

    @property
    def resources(self) -> Resources:
        return resources_of(self)


@dataclass(frozen=True, kw_only=True)
class Beat:
    """The timer. There is one, never two: each would send every task."""

    deadletter_replay_seconds: Annotated[int, Key("deadletterReplaySeconds")]
    """The time between two attempts to put dead letters back. Three fail, and then a message is for people."""
    cpu_request: Annotated[str, Key("celeryBeatCpuRequest")]
    cpu_limit: Annotated[str, Key("celeryBeatCpuLimit")]
    memory_request: Annotated[str, Key("celeryBeatMemoryRequest")]
    memory_limit: Annotated[str, Key("celeryBeatMemoryLimit")]

    def __post_init__(self) -> None:
        check_at_least("deadletterReplaySeconds", self.deadletter_replay_seconds, 1)
        check_resources("celeryBeat", self.resources)

    @property
    def resources(self) -> Resources:
        return resources_of(self)


@dataclass(frozen=True, kw_only=True)
class Character:
    """The Character service, and the Jobs that run beside it."""

    replicas: Annotated[int, Key("characterReplicas")]
    cpu_request: Annotated[str, Key("characterCpuRequest")]
    cpu_limit: Annotated[str, Key("characterCpuLimit")]
    memory_request: Annotated[str, Key("characterMemoryRequest")]
    memory_limit: Annotated[str, Key("characterMemoryLimit")]

    def __post_init__(self) -> None:
        check_at_least("characterReplicas", self.replicas, 1)
        check_resources("character", self.resources)

    @property
    def resources(self) -> Resources:
        return resources_of(self)


@dataclass(frozen=True, kw_only=True)
class Savers:
    """character-worker and users-worker, each of them."""

    replicas: Annotated[int, Key("saverReplicas")]
    cpu_request: Annotated[str, Key("saverCpuRequest")]
    cpu_limit: Annotated[str, Key("saverCpuLimit")]
    memory_request: Annotated[str, Key("saverMemoryRequest")]
    memory_limit: Annotated[str, Key("saverMemoryLimit")]

    def __post_init__(self) -> None:
        check_at_least("saverReplicas", self.replicas, 1)
        check_resources("saver", self.resources)

    @property
    def resources(self) -> Resources:
        return resources_of(self)


@dataclass(frozen=True, kw_only=True)
class Authz:
    replicas: Annotated[int, Key("authzReplicas")]
    cpu_request: Annotated[str, Key("authzCpuRequest")]
    cpu_limit: Annotated[str, Key("authzCpuLimit")]
    memory_request: Annotated[str, Key("authzMemoryRequest")]
    memory_limit: Annotated[str, Key("authzMemoryLimit")]

    def __post_init__(self) -> None:
        check_at_least("authzReplicas", self.replicas, 1)
        check_resources("authz", self.resources)

    @property
    def resources(self) -> Resources:
        return resources_of(self)


@dataclass(frozen=True, kw_only=True)
class Model:
    base_url: Annotated[str, Key("modelBaseUrl")]
    api_key: Annotated[pulumi.Output[str], Key("modelApiKey")]
    vision: Annotated[str, Key("modelVision")]
    answer: Annotated[str, Key("modelAnswer")]

    def __post_init__(self) -> None:
        if not re.match(r"https?://[^/]", self.base_url):
            raise SettingsError(f"modelBaseUrl must start with http:// or https:// (got {self.base_url!r}).")


@dataclass(frozen=True, kw_only=True)
class Tracing:
    endpoint: Annotated[str, Key("otlpEndpoint")]
    """Base address of a collector that takes OTLP by HTTP, usually at port 4318. Empty: there are no traces."""

    def __post_init__(self) -> None:
        if not self.endpoint:
            return
        url = urlsplit(self.endpoint)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise SettingsError(
                f"otlpEndpoint must be an address such as http://collector.tracing.svc:4318 (got {self.endpoint!r})."
            )
        if url.username or url.password or url.query or url.fragment:
            raise SettingsError(
                "otlpEndpoint must be without a user, a password, ? and #: everybody may read it, and no pod would "
                "send them. Have a collector of yours add what the store of traces wants to see."
            )


@dataclass(frozen=True, kw_only=True)
class Logging:
    level: Annotated[str, Key("logLevel")]

    def __post_init__(self) -> None:
        check_one_of("logLevel", self.level, ("DEBUG", "INFO", "WARNING", "ERROR"))
