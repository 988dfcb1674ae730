from typing import Any

from lab.kubectl import unready

NAMES = ["control"]


def node(ready: str = "True", message: str = "") -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "message": message}
    return {"kind": "Node", "metadata": {"name": "control"}, "status": {"conditions": [condition]}}


def deployment(available: int, observed: int = 1) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"namespace": "model", "name": "model", "generation": 1},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": observed, "updatedReplicas": 1, "availableReplicas": available},
    }


def pod(state: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"namespace": "model", "name": "model-5d-x"},
        "status": {"phase": "Pending", "containerStatuses": [{"state": state}]},
    }


def test_a_complete_cluster_lacks_nothing() -> None:
    assert unready([node(), deployment(1)], NAMES) == []


def test_a_node_that_did_not_register_is_named() -> None:
    assert unready([], NAMES) == ["node control is not Ready: not registered yet"]


def test_a_node_tells_its_own_reason() -> None:
    assert unready([node("False", "cni plugin not initialized")], NAMES) == [
        "node control is not Ready: cni plugin not initialized"
    ]


def test_a_waiting_container_tells_its_reason() -> None:
    waiting = {"waiting": {"reason": "ErrImageNeverPull", "message": "image is not present"}}
    (line,) = unready([node(), deployment(0), pod(waiting)], NAMES)
    assert line == "model/model is not available: ErrImageNeverPull image is not present"


def test_a_deployment_whose_change_was_not_seen_yet_is_not_ready() -> None:
    assert unready([node(), deployment(1, observed=0)], NAMES), "the old pods would pass for the new ones"
