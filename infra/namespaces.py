"""The namespaces, each of which lets in only pods that satisfy Pod Security ``restricted``."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.labels import labels
from infra.security import NAMESPACE_LABELS

OPERATORS = "rabbitmq-system"
"""The operators' manifests put their objects there."""
RABBITMQ = "rabbitmq"
REDIS = "redis"
POSTGRES = "postgres"
SCAN = "scan"
CHARACTER = "character"
AUTH = "auth"
MONITORING = "monitoring"

APP = (SCAN, CHARACTER, AUTH)
ALL = (OPERATORS, RABBITMQ, REDIS, POSTGRES, *APP, MONITORING)


@dataclass(frozen=True, kw_only=True)
class NamespacesArgs:
    protect: bool
    """Deleting a namespace deletes the volumes in it."""
    in_mesh: bool
    """Istio puts sidecars into the app's pods."""


class Namespaces(pulumi.ComponentResource):
    """What everything in a namespace depends on, so that the namespace comes first and goes last."""

    def __init__(self, name: str, args: NamespacesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:namespaces:Namespaces", name, None, opts)
        for namespace in ALL:
            Namespace(
                f"{name}-{namespace}",
                metadata=ObjectMetaArgs(name=namespace, labels=namespace_labels(namespace, args)),
                opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
            )
        self.register_outputs({"names": list(ALL)})


def namespace_labels(namespace: str, args: NamespacesArgs) -> dict[str, str]:
    injection = {"istio-injection": "enabled"} if args.in_mesh and namespace in APP else {}
    return {**labels(namespace, "namespace"), **NAMESPACE_LABELS, **injection}
