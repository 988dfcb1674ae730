"""What Prometheus asks for measurements: one row each, of which its Service and its ServiceMonitor are computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Service, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from app import topology
from infra import authz as auth
from infra import character, exceptions, namespaces, postgres, redis, rewards, scan
from infra.app_service import METRICS, Port
from infra.labels import labels, selector
from infra.monitoring.objects import RELEASE, MonitoringObject
from infra.operators import CLUSTER_OPERATOR_PORT, TOPOLOGY_OPERATOR_PORT
from infra.rabbitmq import METRICS_PORT_NAME

INTERVAL_SECONDS = 15
TIMEOUT_SECONDS = 14
"""Prometheus refuses one above the interval."""

BROKER = "rabbitmq"
BROKER_QUEUES = "rabbitmq-queues"
"""The ``job`` labels of the brokers' two pages."""

QUEUE_FAMILIES = ("queue_coarse_metrics", "queue_consumer_count")
"""Of /metrics/detailed: by queue, which /metrics adds up. https://www.rabbitmq.com/docs/prometheus#detailed-endpoint"""

PROMETHEUS = "prometheus"
OPERATOR = "prometheus-operator"
PROMETHEUS_OPERATOR_PORT = 8080

JOB_LABEL = "app.kubernetes.io/component"
"""The label of a Service whose value becomes the label ``job`` of what is measured."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Pods with a page /metrics. ``name`` becomes their ``job``."""

    name: str
    namespace: str
    pods: Mapping[str, str]
    """Labels of the pods."""
    port: int | str
    """Number, or the name that the pods give it."""


def of_app(namespace: str, application: str, component: str, port: Port = METRICS) -> Target:
    pods = selector(application, component)
    return Target(name=component, namespace=namespace, pods=pods, port=port.name)


def of_operator(name: str, port: int, namespace: str = namespaces.OPERATORS) -> Target:
    """``name`` is the label that its manifest gives its pods."""
    return Target(name=name, namespace=namespace, pods={"app.kubernetes.io/name": name}, port=port)


APPS = (
    of_app(namespaces.SCAN, scan.APPLICATION, scan.API, scan.HTTP),
    of_app(namespaces.SCAN, scan.APPLICATION, scan.WORKER),
    of_app(namespaces.SCAN, rewards.APPLICATION, rewards.WORKER),
    of_app(namespaces.SCAN, rewards.APPLICATION, rewards.BEAT),
    of_app(namespaces.CHARACTER, character.APPLICATION, character.SERVICE),
    *(of_app(namespaces.CHARACTER, character.APPLICATION, saver) for saver in character.SAVERS),
    of_app(namespaces.AUTH, auth.APPLICATION, auth.SERVICE),
)
OPERATORS = (
    of_operator("rabbitmq-cluster-operator", CLUSTER_OPERATOR_PORT),
    of_operator("messaging-topology-operator", TOPOLOGY_OPERATOR_PORT),
)
REDIS = Target(name="redis", namespace=namespaces.REDIS, pods=selector("redis", redis.COMPONENT), port=METRICS.name)
POSTGRES = Target(
    name="postgres", namespace=namespaces.POSTGRES, pods=selector("postgres", postgres.COMPONENT), port=METRICS.name
)
OURSELVES = (
    Target(name=PROMETHEUS, namespace=namespaces.MONITORING, pods=selector(PROMETHEUS, PROMETHEUS), port="web"),
    of_operator(OPERATOR, PROMETHEUS_OPERATOR_PORT, namespaces.MONITORING),
)


def targets(*, own_prometheus: bool, own_redis: bool, own_postgres: bool) -> tuple[Target, ...]:
    """All rows but the brokers', who bring a Service of their own. What the stack does not run is left out."""
    stores = [store for store, own in ((REDIS, own_redis), (POSTGRES, own_postgres)) if own]
    return (*APPS, *OPERATORS, *stores, *(OURSELVES if own_prometheus else ()))


def watched_namespaces(rows: Sequence[Target]) -> list[str]:
    return sorted({namespaces.RABBITMQ, *(row.namespace for row in rows)})


@dataclass(frozen=True, kw_only=True)
class TargetsArgs:
    rows: Sequence[Target]
    broker: str
    """The RabbitmqCluster's name."""


class Targets(pulumi.ComponentResource):
    """The ServiceMonitors, each in the namespace of what it watches, with the Service that it needs."""

    def __init__(self, name: str, args: TargetsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:monitoring:Targets", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        for row in args.rows:
            service = f"{row.name}-metrics"
            metadata = ObjectMetaArgs(
                name=service,
                namespace=row.namespace,
                labels=labels(row.name, row.name),
                annotations=exceptions.annotations("Service", service, row.namespace) or None,
            )
            Service(service, metadata=metadata, spec=service_spec(row), opts=child)
            self._monitor(row.name, row.namespace, selector(row.name, row.name), [endpoint(METRICS.name)])
        # The operator labels the brokers' Service like its pods.
        self._monitor(BROKER, namespaces.RABBITMQ, selector(args.broker, "rabbitmq"), broker_endpoints())
        self.register_outputs({})

    def _monitor(
        self, name: str, namespace: str, services: Mapping[str, str], endpoints: Sequence[Mapping[str, Any]]
    ) -> None:
        MonitoringObject(
            f"{name}-monitor",
            "ServiceMonitor",
            name=name,
            namespace=namespace,
            labels={**labels(name, "monitor"), **RELEASE},
            spec={
                "jobLabel": JOB_LABEL,
                "namespaceSelector": {"matchNames": [namespace]},
                "selector": {"matchLabels": services},
                "endpoints": endpoints,
            },
            opts=pulumi.ResourceOptions(parent=self),
        )


def service_spec(row: Target) -> ServiceSpecArgs:
    """Without an address: it is there to be listed. A pod that is not ready is watched all the more."""
    return ServiceSpecArgs(
        cluster_ip="None",
        publish_not_ready_addresses=True,
        selector=row.pods,
        ports=[ServicePortArgs(name=METRICS.name, port=METRICS.number, target_port=row.port)],
    )


def endpoint(port: str) -> dict[str, Any]:
    return {"port": port, "interval": f"{INTERVAL_SECONDS}s", "scrapeTimeout": f"{TIMEOUT_SECONDS}s"}


def broker_endpoints() -> list[dict[str, Any]]:
    """Two pages of one port: the second needs another ``job``, or both would be the same series ``up``."""
    queues = {
        "path": "/metrics/detailed",
        "params": {"vhost": [topology.VHOST], "family": list(QUEUE_FAMILIES)},
        "relabelings": [{"action": "replace", "targetLabel": "job", "replacement": BROKER_QUEUES}],
    }
    return [endpoint(METRICS_PORT_NAME), {**endpoint(METRICS_PORT_NAME), **queues}]
