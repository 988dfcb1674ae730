"""Autoscalers of what takes scans: by CPU (HorizontalPodAutoscaler), or by how much there is to do (KEDA)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.autoscaling.v2 import (
    CrossVersionObjectReferenceArgs,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehaviorArgs,
    HorizontalPodAutoscalerSpecArgs,
    HPAScalingPolicyArgs,
    HPAScalingRulesArgs,
    MetricSpecArgs,
    MetricTargetArgs,
    ResourceMetricSourceArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from app import topology
from infra import scan
from infra.labels import labels
from infra.rabbitmq import MANAGEMENT_PORT
from infra.rabbitmq_objects import TIMEOUTS, wait_for
from infra.service_settings import HPA, KEDA, Api, Worker
from infra.users import User, UserArgs

CALM_SECONDS = 300
"""The load must have been lower for so long before a pod goes: scans come in waves."""
LAST_POD_SECONDS = 60
"""Between two pods that go. Each hands what it has not finished to the others."""

KEDA_API_VERSION = "keda.sh/v1alpha1"
LOOK_SECONDS = 15
"""The broker's own counts are some 5 s old."""
COUNTER = "scan-worker-scaler"
"""The RabbitMQ user by which KEDA counts. It may see the queues, and touch none of them."""
COUNTER_TAGS = ("management",)
"""Without ``monitoring``: that would show it all users' connections."""


@dataclass(frozen=True, kw_only=True)
class AutoscalingArgs:
    namespace: str
    api: Api
    worker: Worker
    cluster: Mapping[str, str]
    """The brokers', as topology objects refer to it."""
    broker_host: str


class Autoscaling(pulumi.ComponentResource):
    """What the settings ask for, which may be nothing. Needs the Deployments, and the vhost."""

    def __init__(self, name: str, args: AutoscalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:autoscaling:Autoscaling", name, None, opts)
        self._args = args
        for component, settings in ((scan.API, args.api), (scan.WORKER, args.worker)):
            if settings.scaling == HPA:
                self._by_cpu(component, settings)
        if args.worker.scaling == KEDA:
            self._by_messages(scan.WORKER, args.worker)
        self.register_outputs({})

    def _by_cpu(self, component: str, settings: Api | Worker) -> None:
        HorizontalPodAutoscaler(
            component,
            metadata=self._metadata(component),
            spec=HorizontalPodAutoscalerSpecArgs(
                scale_target_ref=CrossVersionObjectReferenceArgs(
                    api_version="apps/v1", kind="Deployment", name=component
                ),
                min_replicas=settings.replicas,
                max_replicas=settings.max_replicas,
                metrics=[cpu(settings.cpu_target)],
                behavior=calm(),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _by_messages(self, component: str, settings: Worker) -> None:
        service = topology.Service(name=COUNTER, namespace=self._args.namespace)
        counter = User(
            COUNTER,
            UserArgs(service=service, cluster=self._args.cluster, tags=COUNTER_TAGS),
            pulumi.ResourceOptions(parent=self),
        )
        login = self._keda("TriggerAuthentication", component, login_spec(counter.secret_name), after=counter)
        spec = scaled_object_spec(component, settings, self._args.broker_host)
        self._keda("ScaledObject", component, spec, after=login, conditions=("Ready",))

    def _keda(
        self,
        kind: str,
        component: str,
        spec: Mapping[str, Any],
        *,
        after: pulumi.Resource,
        conditions: tuple[str, ...] = (),
    ) -> CustomResource:
        metadata = self._metadata(component)
        if conditions:
            metadata.annotations = {"pulumi.com/waitFor": wait_for(conditions)}
        return CustomResource(
            f"{component}-{kind.lower()}",
            api_version=KEDA_API_VERSION,
            kind=kind,
            metadata=metadata,
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[after], custom_timeouts=TIMEOUTS),
        )

    def _metadata(self, component: str) -> ObjectMetaArgs:
        return ObjectMetaArgs(
            name=component, namespace=self._args.namespace, labels=labels(scan.APPLICATION, component)
        )


def cpu(percent: int) -> MetricSpecArgs:
    target = MetricTargetArgs(type="Utilization", average_utilization=percent)
    return MetricSpecArgs(type="Resource", resource=ResourceMetricSourceArgs(name="cpu", target=target))


def calm() -> HorizontalPodAutoscalerBehaviorArgs:
    """Up at once, down slowly."""
    one = HPAScalingPolicyArgs(type="Pods", value=1, period_seconds=LAST_POD_SECONDS)
    return HorizontalPodAutoscalerBehaviorArgs(
        scale_down=HPAScalingRulesArgs(stabilization_window_seconds=CALM_SECONDS, policies=[one])
    )


def login_spec(secret_name: str) -> dict[str, Any]:
    """KEDA reads the user's name and password where the topology operator leaves them."""
    keys = ("username", "password")
    return {"secretTargetRef": [{"parameter": key, "name": secret_name, "key": key} for key in keys]}


def scaled_object_spec(component: str, settings: Worker, broker_host: str) -> dict[str, Any]:
    """Without a fallback: when the broker cannot be asked, there are as many pods as there were."""
    return {
        "scaleTargetRef": {"name": component},
        "pollingInterval": LOOK_SECONDS,
        "minReplicaCount": settings.replicas,
        "maxReplicaCount": settings.max_replicas,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": calm()}},
        "triggers": [
            {
                "type": "rabbitmq",
                "metadata": trigger(queues(component), settings.messages_per_pod, broker_host),
                "authenticationRef": {"name": component},
            }
        ],
    }


def queues(component: str) -> tuple[str, ...]:
    """What the component consumes."""
    (service,) = (known for known in topology.SERVICES if known.name == component)
    return service.consumes


def trigger(names: Sequence[str], messages_per_pod: int, broker_host: str) -> dict[str, str]:
    """By the management API: over AMQP KEDA sees no message that a worker holds, and a full worker holds them all.

    https://keda.sh/docs/latest/scalers/rabbitmq-queue/
    """
    return {
        "protocol": "http",
        "host": f"http://{broker_host}:{MANAGEMENT_PORT}/",
        "vhostName": topology.VHOST,
        "mode": "QueueLength",
        "queueName": topology.any_of(tuple(names)),
        "useRegex": "true",
        "operation": "sum",
        "excludeUnacknowledged": "false",
        "value": str(messages_per_pod),
    }
