"""Rules on NetworkPolicies and Services, on one namespace with one server that Prometheus measures."""

from typing import Any

import pytest

from policies.resources import Resource
from tests.unit.policies.conftest import Case, changed, kubernetes, made

LABELS = {"app": "server"}
NAMESPACE = made("kubernetes:core/v1:Namespace", "scan", {"metadata": {"name": "scan"}})
PROMETHEUS = kubernetes("Prometheus", "prometheus", {"podMetadata": {"labels": {"app": "p"}}}, namespace="monitoring")


def policy(name: str, spec: dict[str, Any]) -> Resource:
    return kubernetes("NetworkPolicy", name, spec)


CLOSED = policy("closed", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
PEER = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
    "podSelector": {"matchLabels": {"app": "p"}},
}
OWN = policy(
    "server",
    {
        "podSelector": {"matchLabels": LABELS},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [PEER], "ports": [{"port": 9000}]}],
        "egress": [{"to": [PEER], "ports": [{"port": 443}]}],
    },
)
CONTAINER = {"name": "server", "ports": [{"name": "metrics", "containerPort": 9000}]}
SERVER = kubernetes(
    "Deployment", "server", {"template": {"metadata": {"labels": LABELS}, "spec": {"containers": [CONTAINER]}}}
)
SERVICE = kubernetes(
    "Service",
    "server",
    {"selector": LABELS, "ports": [{"name": "metrics", "port": 80, "targetPort": "metrics"}]},
    labels=LABELS,
)
MONITOR = kubernetes(
    "ServiceMonitor", "server", {"selector": {"matchLabels": LABELS}, "endpoints": [{"port": "metrics"}]}
)
MEASURED = (SERVER, SERVICE, MONITOR, PROMETHEUS)
EVERYBODY = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]

CASES = [
    Case("require-default-deny", (NAMESPACE, CLOSED), (NAMESPACE,), "scan without a policy that closes it"),
    *(
        Case("require-default-deny", (NAMESPACE, CLOSED), (NAMESPACE, changed(CLOSED, path, value)), "metadata.name")
        for path, value in (
            ("spec.policyTypes", ["Ingress"]),
            ("spec.podSelector", {"matchLabels": LABELS}),
            ("spec.egress", [{}]),
        )
    ),
    Case("cover-workloads", (SERVER, CLOSED), (SERVER,), "policies for Egress and Ingress"),
    Case("cover-workloads", (SERVER, OWN), (SERVER, changed(OWN, "spec.policyTypes", ["Ingress"])), "for Egress"),
    Case("limit-open-rules", (OWN,), (changed(OWN, "spec.egress.0.to", EVERYBODY),), "spec.egress[0].to"),
    Case("limit-open-rules", (OWN,), (changed(OWN, "spec.egress.0.to", ...),), "spec.egress[0].to is everybody"),
    Case("limit-open-rules", (OWN,), (changed(OWN, "spec.ingress.0.from", [{}]),), "spec.ingress[0].from"),
    Case("limit-open-rules", (OWN,), (changed(OWN, "spec.ingress.0.ports", ...),), "spec.ingress[0].ports"),
    Case(
        "limit-open-rules",
        (changed(OWN, "spec.egress.0.to", EVERYBODY),),
        (changed(OWN, "spec.ingress.0.from", EVERYBODY),),
        "spec.ingress[0].from",
        {"egress": ["scan/server"]},
    ),
    *(
        Case("forbid-public-services", (SERVICE,), (changed(SERVICE, "spec.type", kind),), f"spec.type is {kind}")
        for kind in ("LoadBalancer", "NodePort")
    ),
    Case("forbid-public-services", (SERVICE,), (changed(SERVICE, "spec.externalIPs", ["1.2.3.4"]),), "externalIPs"),
    Case("require-measurable-pods", (*MEASURED, OWN), MEASURED, "metrics, 9000 of Deployment scan/server, closed"),
    Case(
        "require-measurable-pods",
        (*MEASURED, OWN),
        (*MEASURED, changed(OWN, "spec.ingress.0.ports.0.port", 80)),
        "spec.endpoints.port",
    ),
    Case(
        "require-measurable-pods",
        (*MEASURED, OWN),
        (*MEASURED, changed(OWN, "spec.ingress.0.from.0.podSelector", {"matchLabels": {"app": "other"}})),
        "spec.endpoints.port",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_stops_what_it_is_for_and_lets_everything_else_pass(case: Case) -> None:
    case.check()
