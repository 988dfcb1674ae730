"""One configured provider: its settings and the cluster that they lead to, if it answers."""

import threading
from dataclasses import dataclass, field

from lab.pulumi.kubernetes import kubeconfig
from lab.pulumi.kubernetes.client import ApiError, Unreachable
from lab.pulumi.kubernetes.cluster import Cluster
from lab.pulumi.kubernetes.discovery import Discovery
from lab.pulumi.kubernetes.engine_log import EngineLog, Progress
from lab.pulumi.kubernetes.kubeconfig import DEFAULT_NAMESPACE, KubeconfigError
from lab.pulumi.kubernetes.objects import Object
from lab.pulumi.kubernetes.settings import Settings
from lab.pulumi.kubernetes.waiting import Wait, timeout_seconds


@dataclass
class Provider:
    """Without a cluster a preview still works, from the inputs alone; ``unreachable`` says why there is none."""

    settings: Settings
    log: EngineLog
    namespace: str = DEFAULT_NAMESPACE
    cluster: Cluster | None = None
    unreachable: str = ""
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def discovery(self) -> Discovery | None:
        return self.cluster.discovery if self.cluster else None

    @property
    def why_unreachable(self) -> str:
        return f"configured Kubernetes cluster is unreachable: {self.unreachable}"

    def reachable(self) -> Cluster:
        """The cluster. Raises Unreachable."""
        if self.cluster is None:
            raise Unreachable(self.why_unreachable)
        return self.cluster

    def wait(self, cluster: Cluster, urn: str, requested_seconds: float, inputs: Object) -> Wait:
        return Wait(cluster, Progress(self.log, urn), self.cancelled, timeout_seconds(requested_seconds, inputs))


def connect(settings: Settings, log: EngineLog) -> Provider:
    """A provider for the settings. It never fails for want of a cluster."""
    provider = Provider(settings, log, namespace=settings.namespace or DEFAULT_NAMESPACE)
    try:
        config = kubeconfig.load(settings.kubeconfig)
        endpoint = kubeconfig.endpoint(config, context=settings.context, cluster=settings.cluster)
        provider.namespace = settings.namespace or endpoint.namespace
        cluster = Cluster(endpoint, settings.request_seconds)
        cluster.discovery.refresh()
        provider.cluster = cluster
    except (KubeconfigError, Unreachable, ApiError, OSError) as error:
        provider.unreachable = str(error)
    return provider
