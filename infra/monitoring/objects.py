"""Objects of the group monitoring.coreos.com."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

API_VERSION = "monitoring.coreos.com/v1"

RELEASE = {"release": "prometheus"}
"""By this label a Prometheus takes monitors and rules up: ours, and by custom a cluster's own."""


class MonitoringObject(CustomResource):
    """A ServiceMonitor, PrometheusRule or Prometheus. ``condition`` is awaited in its status if there is one."""

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
        condition: str | None = None,
    ) -> None:
        annotations = {"pulumi.com/waitFor": f"condition={condition}"} if condition else None
        super().__init__(
            resource_name,
            api_version=API_VERSION,
            kind=kind,
            metadata=ObjectMetaArgs(name=name, namespace=namespace, labels=labels, annotations=annotations),
            spec=spec,
            opts=opts,
        )
