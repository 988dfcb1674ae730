"""A restore gives each claim the volume that it had, and takes no other's."""

from typing import Any

from infra.restore import claim_of, left_behind, newest, portable


def volume(name: str, claim: str, created: str, namespace: str = "rabbitmq", phase: str = "Released") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": created},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "10Gi"},
            "claimRef": {"namespace": namespace, "name": claim, "uid": "1"},
            "storageClassName": "gp3",
        },
        "status": {"phase": phase},
    }


OLD = volume("pv-1", "persistence-0", "2026-01-01T00:00:00Z")
NEW = volume("pv-2", "persistence-0", "2026-02-01T00:00:00Z")


def test_a_volume_that_is_in_use_or_somebody_elses_is_left_alone() -> None:
    in_use = volume("pv-3", "persistence-0", "2026-03-01T00:00:00Z", phase="Bound")
    foreign = volume("pv-4", "data-0", "2026-03-01T00:00:00Z", namespace="other")
    assert left_behind([OLD, in_use, foreign]) == [OLD]


def test_of_several_volumes_of_a_claim_the_newest_is_taken() -> None:
    other = volume("pv-5", "data-redis-0", "2025-01-01T00:00:00Z", namespace="redis")
    assert newest([NEW, other, OLD]) == [other, NEW]


def test_a_claim_asks_for_its_volume_by_name() -> None:
    claim = claim_of(NEW)
    assert claim["metadata"] == {"name": "persistence-0", "namespace": "rabbitmq"}
    assert claim["spec"]["volumeName"] == "pv-2"
    assert claim["spec"]["resources"]["requests"] == {"storage": "10Gi"}


def test_a_saved_secret_has_no_owner_and_no_number_of_its_cluster() -> None:
    metadata = {"name": "n", "namespace": "rabbitmq", "labels": {"a": "b"}, "uid": "1", "ownerReferences": [{}]}
    saved = portable({"metadata": metadata, "type": "Opaque", "data": {"x": "eA=="}})
    assert saved["metadata"] == {"name": "n", "namespace": "rabbitmq", "labels": {"a": "b"}}
    assert saved["data"] == {"x": "eA=="}
