"""Autoscalers: who decides how many pods there are decides alone, and sees what it decides by."""

import re
from typing import Any

import pytest

from app import topology
from infra.checks import SettingsError
from tests.unit.conftest import Made, Recording, run_stack
from tests.unit.infra.test_network import ends
from tests.unit.infra.test_settings import load

CPU = ("scan-api", "scan-worker")
KINDS = ("HorizontalPodAutoscaler", "ScaledObject", "TriggerAuthentication")


@pytest.fixture
def by_cpu() -> Recording:
    return run_stack("dev", apiScaling="hpa", workerScaling="hpa", apiMaxReplicas=3, workerMaxReplicas=5)


@pytest.fixture
def by_messages() -> Recording:
    return run_stack("prod", workerScaling="keda", workerMaxReplicas=8, kedaNamespace="scalers")


def deployment(stack: Recording, name: str) -> Made:
    return stack.one("Deployment", name)


def trigger(stack: Recording) -> dict[str, Any]:
    (found,) = stack.one("ScaledObject", "scan-worker").spec["triggers"]
    metadata: dict[str, Any] = found["metadata"]
    return metadata


def management_clients(stack: Recording) -> list[Any]:
    """The peers that the brokers let in to their management API."""
    policy = stack.one("NetworkPolicy", "rabbitmq", "rabbitmq")
    return [peer for peer, ports in ends(policy.spec, "Ingress") if ports == (15672,)]


def test_a_stack_that_does_not_ask_for_it_has_no_autoscaler(built: Recording) -> None:
    assert not [made for kind in KINDS for made in built.of_kind(kind)]
    assert len(management_clients(built)) == 1, "the topology operator"
    assert all("replicas" in made.spec for made in built.of_kind("Deployment"))


@pytest.mark.parametrize("name", CPU)
def test_who_deploys_says_nothing_of_how_many_pods_there_are(name: str, by_cpu: Recording) -> None:
    assert "replicas" not in deployment(by_cpu, name).spec, "each update would undo what the autoscaler has done"
    assert "replicas" in deployment(by_cpu, "reward-worker").spec


def test_nor_with_keda(by_messages: Recording) -> None:
    assert "replicas" not in deployment(by_messages, "scan-worker").spec
    assert deployment(by_messages, "scan-api").spec["replicas"] == 2, "the API is still the stack's own"


@pytest.mark.parametrize(("name", "least", "most"), [("scan-api", 1, 3), ("scan-worker", 2, 5)])
def test_an_autoscaler_by_cpu_keeps_within_the_settings(name: str, least: int, most: int, by_cpu: Recording) -> None:
    scaler = by_cpu.one("HorizontalPodAutoscaler", name, "scan")
    assert scaler.spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    assert (scaler.spec["minReplicas"], scaler.spec["maxReplicas"]) == (least, most)
    (metric,) = scaler.spec["metrics"]
    assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    (container,) = deployment(by_cpu, name).spec["template"]["spec"]["containers"]
    assert "cpu" in container["resources"]["requests"], "of what it is a percentage"
    assert deployment(by_cpu, name) in by_cpu.needed_by(scaler)


@pytest.mark.parametrize("name", CPU)
def test_what_may_have_several_pods_is_spread_and_drained_one_by_one(name: str, by_cpu: Recording) -> None:
    assert deployment(by_cpu, name).spec["template"]["spec"]["topologySpreadConstraints"]
    assert by_cpu.one("PodDisruptionBudget", name, "scan").spec["maxUnavailable"] == 1


@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "ScaledObject"])
def test_pods_go_one_at_a_time(kind: str, by_cpu: Recording, by_messages: Recording) -> None:
    for made in (*by_cpu.of_kind(kind), *by_messages.of_kind(kind)):
        config = made.spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", made.spec)
        down = config["behavior"]["scaleDown"]
        assert [policy["value"] for policy in down["policies"]] == [1], "the scans of each are done again"
        assert down["stabilizationWindowSeconds"] >= 60


def test_what_workers_hold_is_counted_too(by_messages: Recording) -> None:
    """A full worker holds everything: over AMQP, or without the unacknowledged, its queues look empty."""
    assert (trigger(by_messages)["protocol"], trigger(by_messages)["excludeUnacknowledged"]) == ("http", "false")
    assert trigger(by_messages)["mode"] == "QueueLength"


def test_the_workers_queues_are_counted_together_and_no_others(by_messages: Recording) -> None:
    metadata = trigger(by_messages)
    counted = [queue.name for queue in topology.QUEUES if re.search(metadata["queueName"], queue.name)]
    assert sorted(counted) == sorted(task.queue for task in topology.SCAN_TASKS)
    assert (metadata["useRegex"], metadata["operation"]) == ("true", "sum")
    assert (metadata["vhostName"], metadata["value"]) == ("eco2", "400")


def test_keda_keeps_within_the_settings_and_scales_what_there_is(by_messages: Recording) -> None:
    scaler = by_messages.one("ScaledObject", "scan-worker", "scan")
    assert scaler.spec["scaleTargetRef"] == {"name": "scan-worker"}
    assert (scaler.spec["minReplicaCount"], scaler.spec["maxReplicaCount"]) == (2, 8)
    assert "fallback" not in scaler.spec, "a broker that restarts would take the workers away"
    assert deployment(by_messages, "scan-worker") in by_messages.needed_by(scaler)
    assert scaler.metadata["annotations"]["pulumi.com/waitFor"] == "condition=Ready"


def test_keda_logs_in_as_a_user_that_sees_the_queues_and_touches_none(by_messages: Recording) -> None:
    scaler = by_messages.one("ScaledObject", "scan-worker")
    (wanted,) = (one["authenticationRef"]["name"] for one in scaler.spec["triggers"])
    login = by_messages.one("TriggerAuthentication", wanted, "scan")
    sources = {one["parameter"]: (one["name"], one["key"]) for one in login.spec["secretTargetRef"]}
    secret = "scan-worker-scaler-user-credentials"
    assert sources == {"username": (secret, "username"), "password": (secret, "password")}
    user = by_messages.one("User", "scan-worker-scaler", "scan")
    assert user.spec["tags"] == ["management"]
    permission = by_messages.one("Permission", "scan-worker-scaler", "scan")
    assert set(permission.spec["permissions"].values()) == {"^$"}
    needed = by_messages.needed_by(scaler)
    assert all(made in needed for made in (user, permission, login))


def test_users_of_the_app_have_nothing_to_do_with_the_management_api(built: Recording) -> None:
    assert not [made.name for made in built.of_kind("User") if "tags" in made.spec]


def test_the_autoscaler_may_reach_what_it_measures(by_messages: Recording) -> None:
    host = trigger(by_messages)["host"]
    assert host == "http://eco2-rabbitmq.rabbitmq.svc:15672/"
    peers = [peer for peer in management_clients(by_messages) if "podSelector" not in peer]
    assert peers == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "scalers"}}}]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"apiScaling": "keda"}, "apiScaling must be one of none, hpa"),
        ({"workerScaling": "cpu"}, "workerScaling must be one of none, hpa, keda"),
        ({"apiScaling": "hpa", "apiMaxReplicas": 1}, r"apiMaxReplicas \(1\) must be above apiReplicas \(1\)"),
        ({"workerScaling": "keda", "workerMaxReplicas": 2}, r"workerMaxReplicas \(2\) must be above"),
        ({"workerScaling": "keda", "workerConcurrency": 100}, r"\(400\) must be at most workerConcurrency \(100\)"),
        ({"workerMessagesPerPod": 0}, "1 or more"),
        ({"apiCpuTarget": 0}, "1 or more"),
    ],
)
def test_scaling_that_cannot_work_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(**values)


def test_bounds_of_an_autoscaler_that_is_not_there_bind_nobody() -> None:
    load(workerReplicas=9, workerMaxReplicas=6, workerConcurrency=100)
