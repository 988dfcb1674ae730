"""Every pod that the stacks make, the operators' and the brokers' included, satisfies Pod Security ``restricted``."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.quantities import amount
from tests.unit.conftest import Recording

ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
FORBIDDEN = ("hostNetwork", "hostPID", "hostIPC", "hostUsers")

Pod = dict[str, Any]
SERVICES = (
    "scan-api",
    "scan-worker",
    "reward-worker",
    "celery-beat",
    "character",
    "character-worker",
    "users-worker",
    "authz",
    "redis",
    "postgres",
)
JOBS = ("character-migration", "character-warm-up")
OURS = (*SERVICES, *JOBS)


def pods(stack: Recording) -> Iterator[tuple[str, Pod]]:
    for kind in ("Deployment", "StatefulSet"):
        for made in stack.of_kind(kind):
            yield made.metadata["name"], made.spec["template"]["spec"]
    for made in stack.of_kind("Job"):
        yield made.name, made.spec["template"]["spec"]
    for cluster in stack.of_kind("RabbitmqCluster"):
        yield cluster.metadata["name"], cluster.spec["override"]["statefulSet"]["spec"]["template"]["spec"]


def containers(pod: Pod) -> list[Pod]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def violations(pod: Pod) -> list[str]:
    """What Pod Security ``restricted`` would refuse the pod for."""
    context = pod.get("securityContext", {})
    found = [name for name in FORBIDDEN if pod.get(name)]
    found += [f"volume {v['name']}" for v in pod.get("volumes", []) if not ALLOWED_VOLUMES & set(v)]
    if not context.get("runAsNonRoot") or context.get("runAsUser") == 0:
        found.append("may run as root")
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        found.append("no seccomp profile")
    for container in containers(pod):
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            found.append(f"{container['name']} may gain privileges")
        if own.get("capabilities", {}).get("drop") != ["ALL"] or own["capabilities"].get("add"):
            found.append(f"{container['name']} keeps capabilities")
        if any("hostPort" in port for port in container.get("ports", [])):
            found.append(f"{container['name']} takes a port of the node")
    return found


def test_the_check_itself_refuses_a_bare_pod() -> None:
    assert len(violations({"containers": [{"name": "x"}]})) == 4


def test_every_pod_satisfies_restricted(built: Recording) -> None:
    found = {name: violations(pod) for name, pod in pods(built)}
    assert set(found) >= {*OURS, "eco2-rabbitmq", "rabbitmq-cluster-operator", "messaging-topology-operator"}
    assert not any(found.values()), found


def test_every_namespace_enforces_restricted_of_a_fixed_version(built: Recording) -> None:
    for namespace in built.of_kind("Namespace"):
        labels = namespace.metadata["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
        assert labels["pod-security.kubernetes.io/enforce-version"].startswith("v1.")


def test_no_container_asks_for_more_than_its_limit(built: Recording) -> None:
    sized = [(name, c["resources"]) for name, pod in pods(built) for c in pod["containers"] if "resources" in c]
    made_by_operators = [*built.of_kind("RabbitmqCluster"), *built.of_kind("Prometheus")]
    sized += [(made.name, made.spec["resources"]) for made in made_by_operators]
    operators, exporters = 3, 2
    assert len(sized) == len(OURS) + operators + exporters + len(made_by_operators), "each has requests and limits"
    for name, resources in sized:
        for kind in ("cpu", "memory", "ephemeral-storage"):
            assert amount(resources["requests"][kind]) <= amount(resources["limits"][kind]), f"{name}: {kind}"


def test_the_apps_pods_may_fill_their_tmp_without_being_evicted(built: Recording) -> None:
    for name, pod in pods(built):
        for volume in pod.get("volumes", []):
            if limit := volume.get("emptyDir", {}).get("sizeLimit"):
                allowed = sum(amount(one["resources"]["limits"]["ephemeral-storage"]) for one in pod["containers"])
                assert amount(limit) < allowed, name


DEV_NODE = 2.0
"""Cores of the one node of a development machine that takes everything but the broker."""
OTHERS = 0.52
"""The requests of the operators, and of a cluster's own DNS, storage and the like."""
ROOM = 0.3
"""For a rollout's new pods beside the old ones, and for the Jobs."""


def test_the_development_stack_leaves_room_for_an_update_on_a_node_of_two_cores(dev: Recording) -> None:
    asked = sum(
        amount(container["resources"]["requests"]["cpu"]) * made.spec["replicas"]
        for kind in ("Deployment", "StatefulSet")
        for made in dev.of_kind(kind)
        if made.metadata["name"] in SERVICES
        for container in made.spec["template"]["spec"]["containers"]
    )
    asked += amount(dev.one("Prometheus", "prometheus").spec["resources"]["requests"]["cpu"])
    assert asked + OTHERS + ROOM <= DEV_NODE, "new pods would wait for a node for ever"


def test_no_container_holds_a_secret_in_plain(built: Recording) -> None:
    for name, pod in pods(built):
        for variable in (entry for container in containers(pod) for entry in container.get("env", [])):
            if any(word in variable["name"] for word in ("PASSWORD", "KEY", "TOKEN", "SECRET")):
                assert "secretKeyRef" in variable.get("valueFrom", {}), f"{name} has {variable['name']} in plain"


@pytest.mark.parametrize("name", OURS)
def test_our_pods_have_a_read_only_root_and_no_token(name: str, built: Recording) -> None:
    pod = dict(pods(built))[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["serviceAccountName"] == name
    assert pod["securityContext"]["runAsUser"] > 10000, "a lower user may be somebody on the node"
    assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in pod["containers"])


@pytest.mark.parametrize("name", SERVICES)
def test_our_services_are_probed(name: str, built: Recording) -> None:
    pod = dict(pods(built))[name]
    # What only measures a store beside it must not decide whether that is ready.
    container, *_ = pod["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert probe in container


@pytest.mark.parametrize("name", OURS)
def test_our_pods_stay_off_the_brokers_nodes(name: str, built: Recording) -> None:
    pod = dict(pods(built))[name]
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert terms == [{"matchExpressions": [{"key": "domain", "operator": "NotIn", "values": ["data"]}]}]


def test_no_pod_but_a_brokers_needs_a_node_of_one_kind(built: Recording) -> None:
    for name, pod in pods(built):
        affinity = pod.get("affinity", {}).get("nodeAffinity", {})
        terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms", [])
        operators = {rule["operator"] for term in terms for rule in term["matchExpressions"]}
        assert operators <= {"NotIn"}, f"{name} would wait for a node that may be tainted against it"
        assert set(pod.get("nodeSelector", {})) <= {"kubernetes.io/os"}, (
            f"{name} would wait for a node that may be tainted against it"
        )


def test_a_workload_selects_exactly_the_pods_that_it_makes(built: Recording) -> None:
    for kind in ("Deployment", "StatefulSet"):
        for made in built.of_kind(kind):
            wanted = made.spec["selector"]["matchLabels"].items()
            assert wanted <= made.spec["template"]["metadata"]["labels"].items()


def test_a_service_selects_pods_that_exist(built: Recording) -> None:
    made = [
        m.spec["template"]["metadata"]["labels"] for kind in ("Deployment", "StatefulSet") for m in built.of_kind(kind)
    ]
    made += [m.spec["podMetadata"]["labels"] for m in built.of_kind("Prometheus")]
    for service in built.of_kind("Service"):
        wanted = service.spec["selector"].items()
        assert any(wanted <= labels.items() for labels in made), f"nobody answers for {service.name}"


def test_workloads_with_several_pods_are_spread(prod: Recording) -> None:
    for made in prod.of_kind("Deployment"):
        if made.spec["replicas"] > 1:
            by_node, _by_zone = made.spec["template"]["spec"]["topologySpreadConstraints"]
            assert by_node["topologyKey"] == "kubernetes.io/hostname"
            assert by_node["whenUnsatisfiable"] == "DoNotSchedule", f"{made.name}: one node could take all"
            assert by_node["nodeTaintsPolicy"] == "Honor", "with a dead node no pod could be scheduled at all"
