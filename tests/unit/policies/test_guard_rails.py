"""Rules on what a change costs and deletes."""

from typing import Any

import pytest

from policies.resources import Resource
from tests.unit.policies.conftest import Case, kubernetes

NODES = {"nodes": {"other": "2"}, "cpu": {"other": "1"}, "memory": {"other": "1Gi"}}


def deployment(cpu: str, replicas: int, surge: int = 0, **spec: Any) -> Resource:
    container = {"name": "c", "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}}}
    template = {"spec": {"containers": [container], **spec}}
    strategy = {"rollingUpdate": {"maxSurge": surge}}
    return kubernetes("Deployment", "api", {"replicas": replicas, "strategy": strategy, "template": template})


FITS = deployment("500m", 4)

CASES = [
    Case(
        "limit-requests-to-nodes",
        (FITS,),
        (FITS, deployment("100m", 1)),
        "containers[0].resources.requests.cpu is 2 cores of 2.1 cores on all nodes of other",
        NODES,
    ),
    Case("limit-requests-to-nodes", (FITS,), (deployment("500m", 4, surge=1),), "is 2.5 cores of 2.5 cores", NODES),
    Case(
        "limit-requests-to-nodes",
        (FITS,),
        (deployment("1500m", 1),),
        "is 1.5 cores, wanted at most the 1 cores of a node",
        NODES,
    ),
    Case(
        "limit-requests-to-nodes",
        (FITS,),
        (deployment("1m", 1, tolerations=[{"key": "domain", "value": "gpu"}]),),
        "tolerations is gpu",
        NODES,
    ),
    Case(
        "protect-data",
        (kubernetes("StatefulSet", "redis", {}, protected=True),),
        (kubernetes("StatefulSet", "redis", {}),),
        "StatefulSet scan/redis: protect is false",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_stops_what_it_is_for_and_lets_everything_else_pass(case: Case) -> None:
    case.check()
