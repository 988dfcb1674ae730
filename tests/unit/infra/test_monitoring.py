"""Monitoring: everything that measures itself is asked, and who asks may do nothing else."""

from typing import Any

import pytest

from infra.monitoring.operator import DEFINITIONS
from infra.monitoring.targets import TIMEOUT_SECONDS
from tests.unit.conftest import Recording, run_stack
from tests.unit.infra.test_pods import SERVICES


@pytest.fixture
def watched_elsewhere() -> Recording:
    """A cluster with a Prometheus of its own, and a PostgreSQL outside of it."""
    return run_stack("prod", monitoringOperator=False, postgresHost="db.example")


def monitored(stack: Recording) -> set[str]:
    return {made.metadata["name"] for made in stack.of_kind("ServiceMonitor")}


def operator_container(stack: Recording) -> dict[str, Any]:
    found: dict[str, Any] = stack.one("Deployment", "prometheus-operator").spec["template"]["spec"]["containers"][0]
    return found


def test_everything_that_runs_is_watched(built: Recording) -> None:
    operators = {"rabbitmq-cluster-operator", "messaging-topology-operator", "prometheus-operator"}
    assert monitored(built) == {*SERVICES, *operators, "rabbitmq", "prometheus"}


def test_a_monitor_selects_one_service_of_its_namespace_and_a_port_of_it(built: Recording) -> None:
    for monitor in built.of_kind("ServiceMonitor"):
        if monitor.metadata["name"] == "rabbitmq":
            continue
        assert monitor.spec["namespaceSelector"] == {"matchNames": [monitor.metadata["namespace"]]}
        wanted = monitor.spec["selector"]["matchLabels"].items()
        services = [
            service
            for service in built.of_kind("Service")
            if service.metadata["namespace"] == monitor.metadata["namespace"]
            and wanted <= service.metadata["labels"].items()
        ]
        ports = [port["name"] for service in services for port in service.spec["ports"]]
        (endpoint,) = monitor.spec["endpoints"]
        assert ports.count(endpoint["port"]) == 1, f"{monitor.name} would find nothing, or two of each"


def test_a_port_of_a_metrics_service_is_one_of_its_pods(built: Recording) -> None:
    workloads = [made for kind in ("Deployment", "StatefulSet") for made in built.of_kind(kind)]
    for service in built.of_kind("Service"):
        if not service.name.endswith("-metrics") or service.name == "prometheus-metrics":
            continue
        wanted = service.spec["selector"].items()
        (workload,) = (
            made
            for made in workloads
            if made.metadata["namespace"] == service.metadata["namespace"]
            and wanted <= made.spec["template"]["metadata"]["labels"].items()
        )
        target = service.spec["ports"][0]["targetPort"]
        containers = workload.spec["template"]["spec"]["containers"]
        ports = [port for container in containers for port in container.get("ports", [])]
        assert target in {port["name"] for port in ports} or isinstance(target, int), f"{service.name}: no such port"


def test_the_brokers_tell_of_each_queue_on_a_page_of_its_own(built: Recording) -> None:
    whole, by_queue = built.one("ServiceMonitor", "rabbitmq").spec["endpoints"]
    assert by_queue["params"]["family"] == ["queue_coarse_metrics", "queue_consumer_count"]
    assert by_queue["path"] == "/metrics/detailed"
    assert "path" not in whole
    assert by_queue["relabelings"][0]["targetLabel"] == "job", "two pages of one pod would be one series of `up`"


def test_nobody_is_waited_for_longer_than_until_the_next_time(built: Recording) -> None:
    for monitor in built.of_kind("ServiceMonitor"):
        for endpoint in monitor.spec["endpoints"]:
            assert int(endpoint["interval"][:-1]) > int(endpoint["scrapeTimeout"][:-1]) == TIMEOUT_SECONDS


def test_prometheus_may_look_where_it_asks_and_nowhere_else(built: Recording) -> None:
    bindings = [made for made in built.of_kind("RoleBinding") if made.name.startswith("prometheus")]
    asked = {made.metadata["namespace"] for made in built.of_kind("ServiceMonitor")}
    assert {made.metadata["namespace"] for made in bindings} == asked
    for made in built.of_kind("Role"):
        if made.metadata["name"] == "prometheus":
            resources = {name for rule in made.inputs["rules"] for name in rule["resources"]}
            assert resources == {"pods", "services", "endpointslices"}, "of Secrets it needs to know nothing"
            assert all(rule["verbs"] == ["get", "list", "watch"] for rule in made.inputs["rules"])


def test_only_definitions_that_the_operator_needs_are_made_and_without_their_prose(built: Recording) -> None:
    made = {one.metadata["name"]: one for one in built.of_kind("CustomResourceDefinition")}
    ours = {name: one for name, one in made.items() if name.endswith("monitoring.coreos.com")}
    assert set(ours) <= DEFINITIONS
    schema = ours["prometheuses.monitoring.coreos.com"].spec["versions"][0]["schema"]["openAPIV3Schema"]
    assert "description" not in schema
    assert schema["properties"]["spec"]["properties"]["description"] == {"type": "string"}, "that is a property's name"


def test_the_operator_works_in_our_namespace_and_leaves_kube_system_alone(built: Recording) -> None:
    arguments = operator_container(built)["args"]
    assert not [one for one in arguments if "kubelet" in one]
    assert "--prometheus-instance-namespaces=monitoring" in arguments
    (subject,) = built.one("ClusterRoleBinding", "prometheus-operator").inputs["subjects"]
    assert subject["namespace"] == "monitoring"


def test_the_reloader_is_the_manifests_own_unless_the_stack_names_one(dev: Recording, variant: Recording) -> None:
    flag = "--prometheus-config-reloader="
    assert f"{flag}quay.io/prometheus-operator/prometheus-config-reloader:v0.85.0" in operator_container(dev)["args"]
    assert f"{flag}registry.example/reloader:x" in operator_container(variant)["args"]


def test_a_cluster_with_a_prometheus_of_its_own_gets_what_is_to_be_watched_only(watched_elsewhere: Recording) -> None:
    assert not watched_elsewhere.of_kind("Prometheus")
    assert not [one for one in watched_elsewhere.made if one.name.startswith("prometheus")]
    assert monitored(watched_elsewhere) >= {"scan-api", "rabbitmq"}
    assert watched_elsewhere.of_kind("PrometheusRule")


def test_a_store_that_is_somebody_elses_is_not_watched(watched_elsewhere: Recording) -> None:
    assert "postgres" not in monitored(watched_elsewhere)


def test_definitions_come_before_what_they_define(built: Recording) -> None:
    for kind in ("ServiceMonitor", "PrometheusRule", "Prometheus"):
        for made in built.of_kind(kind):
            assert "prometheus-operator" in {one.metadata.get("name") for one in built.needed_by(made)}


@pytest.mark.parametrize("store", ["redis", "postgres"])
def test_an_exporter_reads_the_password_of_its_store_and_never_makes_it_unready(store: str, built: Recording) -> None:
    _, exporter = built.one("StatefulSet", store).spec["template"]["spec"]["containers"]
    assert exporter["name"] == "metrics"
    dead_after = exporter["livenessProbe"]["periodSeconds"] * exporter["livenessProbe"].get("failureThreshold", 3)
    unready_after = exporter["readinessProbe"]["periodSeconds"] * exporter["readinessProbe"]["failureThreshold"]
    assert unready_after > 2 * dead_after, "a store that nobody measures still answers"
    (secret,) = (entry["valueFrom"]["secretKeyRef"] for entry in exporter["env"] if "valueFrom" in entry)
    assert secret["name"] in {made.metadata["name"] for made in built.of_kind("Secret")}
