"""Secrets that come from the stack's configuration, and how a change of them reaches the pods."""

import base64
import hashlib
from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.core.v1 import EnvVarArgs, EnvVarSourceArgs, Secret, SecretKeySelectorArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

FINGERPRINT = "eco2.dev/credentials"
"""Annotation of a pod template. It changes with the credentials, and a Deployment replaces its pods then."""


def secret(
    resource_name: str,
    metadata: ObjectMetaArgs,
    values: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> Secret:
    """A Secret with ``data``: ``stringData`` never comes back from the API server and would look changed for ever."""
    return Secret(
        resource_name,
        metadata=metadata,
        type="Opaque",
        data={key: pulumi.Output.secret(value).apply(_base64) for key, value in values.items()},
        opts=opts,
    )


def fingerprint(*values: pulumi.Input[str]) -> pulumi.Output[str]:
    """A digest that shows that credentials changed. The settings refuse passwords that could be guessed from it."""
    return pulumi.Output.unsecret(pulumi.Output.all(*values).apply(_digest))


def secret_env(name: str, secret_name: str, key: str) -> EnvVarArgs:
    selector = SecretKeySelectorArgs(name=secret_name, key=key)
    return EnvVarArgs(name=name, value_from=EnvVarSourceArgs(secret_key_ref=selector))


def plain_env(values: Mapping[str, pulumi.Input[str]]) -> list[EnvVarArgs]:
    return [EnvVarArgs(name=name, value=value) for name, value in values.items()]


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _digest(values: list[str]) -> str:
    return hashlib.sha256("\0".join(values).encode()).hexdigest()[:16]
