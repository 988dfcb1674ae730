"""Objects of the group rabbitmq.com, which an operator makes real and whose status says when it has."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

API_VERSION = "rabbitmq.com/v1beta1"

TIMEOUTS = pulumi.CustomTimeouts(create="10m", update="10m", delete="10m")
"""Bounds every wait for an operator. The longest is the start of three brokers."""


class RabbitmqObject(CustomResource):
    """Counts as created once each of ``conditions`` is true in its status: seen there, never slept for."""

    metadata: pulumi.Output[Mapping[str, Any]]

    def __init__(
        self,
        resource_name: str,
        kind: str,
        *,
        name: str,
        namespace: str,
        labels: Mapping[str, str],
        spec: Mapping[str, Any],
        opts: pulumi.ResourceOptions,
        conditions: tuple[str, ...] = ("Ready",),
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            resource_name,
            api_version=API_VERSION,
            kind=kind,
            metadata=ObjectMetaArgs(
                name=name,
                namespace=namespace,
                labels=labels,
                annotations={"pulumi.com/waitFor": wait_for(conditions), **(annotations or {})},
            ),
            spec=spec,
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(custom_timeouts=TIMEOUTS)),
        )


def wait_for(conditions: tuple[str, ...]) -> str:
    """The provider takes one condition as it is, and several as a JSON list."""
    wanted = [f"condition={condition}" for condition in conditions]
    return wanted[0] if len(wanted) == 1 else json.dumps(wanted)
