"""What the manifests' checkers (kube-score, checkov) are told to leave out, object by object, and why.

Every row is about what an operator needs or makes. Our own workloads have none: they pass all that is asked. Which
checks are left out for everything, and why, says tests/render/test_checks.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from infra import namespaces


@dataclass(frozen=True, kw_only=True)
class Exempt:
    """One object and one check that it is exempt from."""

    kind: str
    name: str
    namespace: str = ""
    """Empty for what stands in none."""
    check: str
    """checkov's are named CKV…, all others are kube-score's."""
    reason: str


_ASKS_THE_API = "an operator works by asking the Kubernetes API, and needs its token for that"
_OPERATORS_PODS = "its pods are made by an operator, and stand in no manifest"

EXEMPT = (
    *(
        Exempt(kind="Deployment", name=name, namespace=namespace, check="CKV_K8S_38", reason=_ASKS_THE_API)
        for name, namespace in (
            ("rabbitmq-cluster-operator", namespaces.OPERATORS),
            ("messaging-topology-operator", namespaces.OPERATORS),
            ("prometheus-operator", namespaces.MONITORING),
        )
    ),
    Exempt(
        kind="ClusterRole",
        name="prometheus-operator",
        check="CKV_K8S_49",
        reason="the role is the released manifest's, which says * for the verbs of what the operator makes",
    ),
    *(
        Exempt(
            kind="NetworkPolicy",
            name=name,
            namespace=namespace,
            check="networkpolicy-targets-pod",
            reason=_OPERATORS_PODS,
        )
        for name, namespace in (
            ("rabbitmq", namespaces.RABBITMQ),
            ("default-deny", namespaces.RABBITMQ),
            ("dns", namespaces.RABBITMQ),
            ("prometheus", namespaces.MONITORING),
        )
    ),
    *(
        Exempt(
            kind="Service",
            name=name,
            namespace=namespaces.MONITORING,
            check="service-targets-pod",
            reason=_OPERATORS_PODS,
        )
        for name in ("prometheus", "prometheus-metrics")
    ),
)


def annotations(kind: str, name: str, namespace: str = "") -> dict[str, str]:
    """What tells the checkers about an object; empty for nearly all."""
    own = [row for row in EXEMPT if (row.kind, row.name, row.namespace) == (kind, name, namespace)]
    kube_score = [row.check for row in own if not row.check.startswith("CKV")]
    checkov = [row for row in own if row.check.startswith("CKV")]
    told = {f"checkov.io/skip{number}": f"{row.check}={row.reason}" for number, row in enumerate(checkov, start=1)}
    return told | ({"kube-score/ignore": ",".join(kube_score)} if kube_score else {})


def annotated(manifest: Mapping[str, object]) -> dict[str, object]:
    """An object of somebody else's manifest, with what the checkers are told about it."""
    metadata = manifest["metadata"]
    assert isinstance(metadata, Mapping)
    told = annotations(str(manifest["kind"]), metadata["name"], metadata.get("namespace", ""))
    if not told:
        return dict(manifest)
    return {**manifest, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **told}}}
