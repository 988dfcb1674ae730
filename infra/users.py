"""The RabbitMQ user of a service, with the rights that app/topology.py gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from app import topology
from infra.credentials import secret
from infra.labels import labels
from infra.rabbitmq_objects import RabbitmqObject

COMPONENT = "user"


@dataclass(frozen=True, kw_only=True)
class UserArgs:
    service: topology.Service
    cluster: Mapping[str, str]
    tags: Sequence[str] = ()
    """What it may use of the management API. Without one of them: nothing."""


class User(pulumi.ComponentResource):
    """A service's RabbitMQ user, named like the service, with its rights and nothing more.

    The operator makes up the password and leaves it, with the name, in the Secret ``secret_name``.
    """

    secret_name: str
    identity: pulumi.Output[str]
    """Changes when the user was made anew, with another password."""

    def __init__(self, name: str, args: UserArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:users:User", name, None, opts)
        self._service = service = args.service
        user = self._declare("User", name, user_spec(args), after=self._username(name, service))
        self._declare("Permission", f"{name}-permission", permission_spec(service, args.cluster), after=user)
        self.secret_name = f"{service.name}-user-credentials"
        self.identity = user.metadata.apply(lambda metadata: str(metadata.get("uid")))
        self.register_outputs({"secret_name": self.secret_name})

    def _username(self, name: str, service: topology.Service) -> Secret:
        """A Secret to import that has no password: the operator then keeps the name and makes up a password."""
        metadata = ObjectMetaArgs(
            name=import_name(service), namespace=service.namespace, labels=labels(topology.VHOST, COMPONENT)
        )
        return secret(f"{name}-name", metadata, {"username": service.name}, pulumi.ResourceOptions(parent=self))

    def _declare(self, kind: str, name: str, spec: Mapping[str, Any], *, after: pulumi.Resource) -> RabbitmqObject:
        return RabbitmqObject(
            name,
            kind,
            name=self._service.name,
            namespace=self._service.namespace,
            labels=labels(topology.VHOST, COMPONENT),
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[after]),
        )


def import_name(service: topology.Service) -> str:
    return f"{service.name}-user"


def user_spec(args: UserArgs) -> dict[str, Any]:
    return {
        "importCredentialsSecret": {"name": import_name(args.service)},
        "rabbitmqClusterReference": args.cluster,
        # The API server stores no empty list.
        **({"tags": list(args.tags)} if args.tags else {}),
    }


def permission_spec(service: topology.Service, cluster: Mapping[str, str]) -> dict[str, Any]:
    return {
        "vhost": topology.VHOST,
        "userReference": {"name": service.name},
        "permissions": {"configure": service.configure, "write": service.write, "read": service.read},
        "rabbitmqClusterReference": cluster,
    }
