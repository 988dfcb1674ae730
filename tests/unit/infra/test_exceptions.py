"""The checkers' exceptions: few, with a reason, on objects that exist, and none on what is our own."""

from infra.exceptions import EXEMPT, annotated, annotations
from tests.unit.conftest import Recording

MOST = 15
OPERATORS = {"rabbitmq-cluster-operator", "messaging-topology-operator", "prometheus-operator"}


def test_they_are_few_and_each_has_its_reason() -> None:
    assert len(EXEMPT) <= MOST
    assert all(len(row.reason.split()) > 5 for row in EXEMPT)
    assert len({(row.kind, row.namespace, row.name, row.check) for row in EXEMPT}) == len(EXEMPT)


def test_no_workload_of_ours_has_one() -> None:
    with_pods = {row.name for row in EXEMPT if row.kind in ("Deployment", "StatefulSet", "Job", "Pod", "CronJob")}
    assert with_pods <= OPERATORS


def test_every_one_stands_on_its_object_and_on_no_other(built: Recording) -> None:
    told = {
        (made.type.rpartition(":")[2], made.metadata.get("namespace", ""), made.metadata["name"])
        for made in built.made
        if made.type.startswith("kubernetes:")
        if {"kube-score/ignore", "checkov.io/skip1"} & made.metadata.get("annotations", {}).keys()
    }
    assert told == {(row.kind, row.namespace, row.name) for row in EXEMPT}


def test_each_checker_is_told_in_its_own_words() -> None:
    assert annotations("Deployment", "prometheus-operator", "monitoring")["checkov.io/skip1"].startswith("CKV_K8S_38=")
    assert annotations("Service", "prometheus", "monitoring") == {"kube-score/ignore": "service-targets-pod"}
    assert annotations("Service", "prometheus", "scan") == {}


def test_annotations_of_a_manifest_stay() -> None:
    manifest = {"kind": "ClusterRole", "metadata": {"name": "prometheus-operator", "annotations": {"a": "b"}}}
    told = annotated(manifest)["metadata"]
    assert isinstance(told, dict)
    assert told["annotations"].keys() == {"a", "checkov.io/skip1"}
    other = {"kind": "ClusterRole", "metadata": {"name": "other"}}
    assert annotated(other) == other
