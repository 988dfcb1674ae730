"""Whom the brokers' clients believe: the authority's certificates, in each of the app's namespaces."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.labels import labels

NAME = "rabbitmq-ca"
FOLDER = "/etc/rabbitmq-ca"
KEY = "ca.crt"
COMPONENT = "rabbitmq-ca"


@dataclass(frozen=True, kw_only=True)
class BrokerTrustArgs:
    namespaces: Sequence[str]
    certificates: str
    """PEM. Empty: the brokers speak in plain, and there is nobody to believe."""


class BrokerTrust(pulumi.ComponentResource):
    """A ConfigMap in each namespace. Pods see its changes while they run, and use them for new connections."""

    def __init__(self, name: str, args: BrokerTrustArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:broker_trust:BrokerTrust", name, None, opts)
        for namespace in args.namespaces if args.certificates else ():
            ConfigMap(
                f"{name}-{namespace}",
                metadata=ObjectMetaArgs(name=NAME, namespace=namespace, labels=labels(namespace, COMPONENT)),
                data={KEY: args.certificates},
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
