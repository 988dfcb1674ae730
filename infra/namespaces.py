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

ALL = (OPERATORS, RABBITMQ, REDIS, POSTGRES, SCAN, CHARACTER, AUTH, MONITORING)


@dataclass(frozen=True, kw_only=True)
class NamespacesArgs:
    protect: bool
    """Deleting a namespace deletes the volumes in it."""


class Namespaces(pulumi.ComponentResource):
    """``by_name`` is what everything in a namespace depends on, so that the namespace comes first and goes last."""

    by_name: dict[str, Namespace]

    def __init__(self, name: str, args: NamespacesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:namespaces:Namespaces", name, None, opts)
        self.by_name = {
            namespace: Namespace(
                f"{name}-{namespace}",
                metadata=ObjectMetaArgs(name=namespace, labels={**labels(namespace, "namespace"), **NAMESPACE_LABELS}),
                opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
            )
            for namespace in ALL
        }
        self.register_outputs({"names": list(self.by_name)})
