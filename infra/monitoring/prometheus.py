"""The Prometheus of this stack, of which prometheus-operator makes the pod."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Service, ServiceAccount, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, Role, RoleBinding, RoleRefArgs, SubjectArgs

from infra import exceptions
from infra.labels import labels, selector
from infra.monitoring.objects import RELEASE, MonitoringObject
from infra.monitoring.targets import INTERVAL_SECONDS, PROMETHEUS
from infra.monitoring_settings import Monitoring
from infra.placement import off_nodes
from infra.quantities import amount
from infra.resources import requirements
from infra.security import APP_UID, pod_context
from infra.settings import Images, Storage

PORT = 9090
FULL_AT = 0.8
"""The share of the volume at which the oldest measurements go, whatever their age."""


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    namespace: str
    settings: Monitoring
    images: Images
    storage: Storage
    watched: Sequence[str]
    """Namespaces in which it may look for what to ask."""
    avoid_domain: str
    """The brokers' nodes."""


class Prometheus(pulumi.ComponentResource):
    """Ready when it answers. Its pod may list Services and pods of the watched namespaces, and nothing else."""

    def __init__(self, name: str, args: PrometheusArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:monitoring:Prometheus", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        metadata = ObjectMetaArgs(name=name, namespace=args.namespace, labels=labels(name, PROMETHEUS))
        # The operator's pod needs the token and mounts it by itself.
        account = ServiceAccount(name, metadata=metadata, automount_service_account_token=False, opts=child)
        needed = [account, *(self._may_look_at(name, watched, args.namespace) for watched in args.watched)]
        server = MonitoringObject(
            name,
            "Prometheus",
            name=name,
            namespace=args.namespace,
            labels=labels(name, PROMETHEUS),
            spec=prometheus_spec(name, args),
            condition="Available",
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )
        spec = ServiceSpecArgs(
            selector=selector(name, PROMETHEUS), ports=[ServicePortArgs(name="web", port=PORT, target_port="web")]
        )
        visible = ObjectMetaArgs(
            name=name,
            namespace=args.namespace,
            labels=labels(name, PROMETHEUS),
            annotations=exceptions.annotations("Service", name, args.namespace) or None,
        )
        Service(name, metadata=visible, spec=spec, opts=pulumi.ResourceOptions(parent=self, depends_on=[server]))
        self.register_outputs({})

    def _may_look_at(self, name: str, watched: str, namespace: str) -> RoleBinding:
        child = pulumi.ResourceOptions(parent=self)
        metadata = ObjectMetaArgs(name=name, namespace=watched, labels=labels(name, PROMETHEUS))
        role = Role(f"{name}-{watched}", metadata=metadata, rules=discovery_rules(), opts=child)
        return RoleBinding(
            f"{name}-{watched}",
            metadata=metadata,
            role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=name),
            subjects=[SubjectArgs(kind="ServiceAccount", name=name, namespace=namespace)],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )


def discovery_rules() -> list[PolicyRuleArgs]:
    verbs = ["get", "list", "watch"]
    return [
        PolicyRuleArgs(api_groups=[""], resources=["pods", "services"], verbs=verbs),
        PolicyRuleArgs(api_groups=["discovery.k8s.io"], resources=["endpointslices"], verbs=verbs),
    ]


def prometheus_spec(name: str, args: PrometheusArgs) -> dict[str, Any]:
    settings = args.settings
    every = f"{INTERVAL_SECONDS}s"
    ours: dict[str, Any] = {"matchLabels": RELEASE}
    everywhere: dict[str, Any] = {}
    return {
        "image": args.images.prometheus,
        "imagePullPolicy": args.images.pull_policy,
        "version": f"v{settings.version}",
        "replicas": 1,
        "podMetadata": {"labels": selector(name, PROMETHEUS)},
        "serviceAccountName": name,
        "securityContext": pod_context(uid=APP_UID, fs_group=APP_UID),
        "affinity": off_nodes(args.avoid_domain),
        "resources": requirements(settings.resources),
        "scrapeInterval": every,
        "evaluationInterval": every,
        "serviceMonitorSelector": ours,
        "serviceMonitorNamespaceSelector": everywhere,
        "ruleSelector": ours,
        "ruleNamespaceSelector": everywhere,
        "serviceDiscoveryRole": "EndpointSlice",
        # A monitor must not make Prometheus read its own files, its token among them.
        "arbitraryFSAccessThroughSMs": {"deny": True},
        "retention": f"{settings.retention_days}d",
        "retentionSize": f"{int(amount(settings.storage) * FULL_AT)}B",
        "storage": {"volumeClaimTemplate": {"spec": claim(settings, args.storage)}},
    }


def claim(settings: Monitoring, storage: Storage) -> dict[str, Any]:
    return {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage.storage_class,
        "resources": {"requests": {"storage": settings.storage}},
    }
