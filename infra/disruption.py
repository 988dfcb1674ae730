"""PodDisruptionBudgets: how many pods of a kind may be taken away at the same time, as when nodes are drained."""

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs


def one_at_a_time(
    name: str, metadata: ObjectMetaArgs, pods: Mapping[str, str], opts: pulumi.ResourceOptions
) -> PodDisruptionBudget:
    """For what has several pods: a budget for a single one would keep its node from ever being drained.

    A pod that is not ready may always go, or a drain would wait for it for ever.
    """
    spec = PodDisruptionBudgetSpecArgs(
        max_unavailable=1,
        selector=LabelSelectorArgs(match_labels=pods),
        unhealthy_pod_eviction_policy="AlwaysAllow",
    )
    return PodDisruptionBudget(name, metadata=metadata, spec=spec, opts=opts)
