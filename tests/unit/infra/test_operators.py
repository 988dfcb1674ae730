"""The operators' manifests become resources, changed where this stack asks for it and nowhere else."""

from typing import Any

import pytest

from tests.unit.conftest import Recording

WEBHOOK_KINDS = ("ValidatingWebhookConfiguration", "Certificate", "Issuer")


def container(stack: Recording, operator: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.one("Deployment", operator).spec["template"]["spec"]["containers"][0]
    return found


def env(stack: Recording, operator: str) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in container(stack, operator)["env"]}


def test_every_object_of_a_manifest_is_a_resource_named_by_what_it_is(dev: Recording) -> None:
    made = {resource.name: resource.type for resource in dev.made}
    assert made["cluster-operator-clusterrole-rabbitmq-cluster-operator-role"] == (
        "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
    )
    assert made["cluster-operator-serviceaccount-rabbitmq-cluster-operator"] == "kubernetes:core/v1:ServiceAccount"


def test_the_namespace_of_the_operators_is_made_once_and_is_ours(dev: Recording) -> None:
    labels = dev.one("Namespace", "rabbitmq-system").metadata["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_without_webhooks_nothing_is_left_that_waits_for_a_certificate(dev: Recording) -> None:
    assert not [made for kind in WEBHOOK_KINDS for made in dev.of_kind(kind)]
    assert "webhook-service" not in {made.metadata["name"] for made in dev.of_kind("Service")}
    pod = dev.one("Deployment", "messaging-topology-operator").spec["template"]["spec"]
    assert "volumes" not in pod, "the pod would wait for a Secret that never comes"
    assert "volumeMounts" not in container(dev, "messaging-topology-operator")
    assert env(dev, "messaging-topology-operator")["ENABLE_WEBHOOKS"] == "false"


def test_with_webhooks_the_manifest_stays_whole(variant: Recording) -> None:
    assert all(variant.of_kind(kind) for kind in WEBHOOK_KINDS)
    assert variant.one("Service", "webhook-service")
    assert container(variant, "messaging-topology-operator")["volumeMounts"]
    assert env(variant, "messaging-topology-operator")["ENABLE_WEBHOOKS"] == "true"


def test_what_a_manifest_sets_in_the_environment_stays(dev: Recording) -> None:
    for operator in ("rabbitmq-cluster-operator", "messaging-topology-operator"):
        assert "OPERATOR_NAMESPACE" in env(dev, operator)


def test_an_image_is_the_manifests_own_unless_the_stack_names_one(dev: Recording, variant: Recording) -> None:
    assert container(dev, "rabbitmq-cluster-operator")["image"] == "rabbitmqoperator/cluster-operator:2.16.0"
    assert container(variant, "rabbitmq-cluster-operator")["image"] == "registry.example/cluster-operator:x"


@pytest.mark.parametrize(
    "operator", ["rabbitmq-cluster-operator", "messaging-topology-operator", "prometheus-operator"]
)
def test_an_operator_runs_as_nobody_of_the_node_and_is_judged_by_its_metrics(operator: str, dev: Recording) -> None:
    pod = dev.one("Deployment", operator).spec["template"]["spec"]
    (own,) = pod["containers"]
    assert pod["securityContext"]["runAsUser"] > 10_000
    assert own["readinessProbe"]["httpGet"]["path"] == "/metrics"
    assert own["livenessProbe"]["tcpSocket"]["port"] == own["readinessProbe"]["httpGet"]["port"]
    assert own["resources"]["limits"].keys() == {"cpu", "memory", "ephemeral-storage"}


def test_the_pull_policy_is_the_stacks(dev: Recording) -> None:
    assert container(dev, "messaging-topology-operator")["imagePullPolicy"] == "Always"
