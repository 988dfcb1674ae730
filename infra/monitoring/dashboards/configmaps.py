"""The dashboards in the cluster: a ConfigMap each, which Grafana's sidecar finds by its label."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.labels import labels
from infra.monitoring.dashboards.broker import BROKERS
from infra.monitoring.dashboards.dead_letters import DEAD_LETTERS
from infra.monitoring.dashboards.pipeline import PIPELINE

ALL = (PIPELINE, BROKERS, DEAD_LETTERS)

FOUND_BY = {"grafana_dashboard": "1"}
"""The default of the sidecar in Grafana's chart."""


@dataclass(frozen=True, kw_only=True)
class DashboardsArgs:
    namespace: str


class Dashboards(pulumi.ComponentResource):
    """There is no Grafana here: the cluster's own shows them."""

    def __init__(self, name: str, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:monitoring:Dashboards", name, None, opts)
        for dashboard in ALL:
            ConfigMap(
                f"{name}-{dashboard.name}",
                metadata=ObjectMetaArgs(
                    name=f"dashboard-{dashboard.name}",
                    namespace=args.namespace,
                    labels={**labels(dashboard.name, "dashboard"), **FOUND_BY},
                ),
                data={f"{dashboard.name}.json": dashboard.text()},
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
