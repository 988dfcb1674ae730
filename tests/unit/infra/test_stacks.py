"""What differs between the stacks is data, and the data is what each stack promises."""

import pytest

from infra.manifests import ManifestError
from tests.unit.conftest import ROOT, Made, Recording, run_stack


def test_no_code_asks_which_stack_it_is() -> None:
    for folder in ("infra", "stacks"):
        for source in (ROOT / folder).rglob("*.py"):
            assert "get_stack" not in source.read_text(), f"{source.name}: a stack is its file, nothing else"


def test_both_stacks_are_made_of_the_same_resources(dev: Recording) -> None:
    """But for the budgets of what has several pods in one of them alone, and what AWS gives to one of them."""
    prod = run_stack("prod", awsClusterName="")

    def identities(stack: Recording) -> set[tuple[str, str]]:
        return {(made.type, made.name) for made in stack.made if made.parent and not is_budget(made)}

    assert identities(dev) == identities(prod)


def is_budget(made: Made) -> bool:
    return made.type.endswith(":PodDisruptionBudget")


def test_what_has_several_pods_loses_one_at_a_time_and_a_single_pod_may_go(built: Recording) -> None:
    several = {made.metadata["name"] for made in built.of_kind("Deployment") if made.spec.get("replicas", 1) > 1}
    several |= {made.metadata["name"] for made in built.of_kind("RabbitmqCluster") if made.spec["replicas"] > 1}
    budgets = {made.metadata["name"]: made for made in built.made if is_budget(made)}
    assert set(budgets) == several
    for name, budget in budgets.items():
        assert budget.spec["maxUnavailable"] == 1
        assert name in budget.spec["selector"]["matchLabels"].values()


def test_production_has_three_brokers_and_no_single_pod_that_answers_users(prod: Recording) -> None:
    assert prod.one("RabbitmqCluster", "eco2-rabbitmq").spec["replicas"] == 3
    servers = ("scan-api", "scan-worker", "character", "authz")
    assert all(prod.one("Deployment", name).spec["replicas"] >= 2 for name in servers)


def test_production_refuses_to_delete_what_holds_data(dev: Recording, prod: Recording) -> None:
    protected = {made.type.rpartition(":")[2] for made in prod.made if made.protected}
    assert protected == {"Namespace", "RabbitmqCluster", "Vhost", "Queue", "StatefulSet", "Repository"}
    assert not any(made.protected for made in dev.made), "a development stack must be easy to throw away"


def test_a_manifest_that_is_not_the_pinned_one_ends_the_program() -> None:
    with pytest.raises(ManifestError, match="clusterOperatorManifestSha256"):
        run_stack("dev", clusterOperatorManifestSha256="0" * 64)


def test_a_cluster_without_nodes_of_a_domain_gets_no_affinity_to_one(variant: Recording) -> None:
    broker = variant.one("RabbitmqCluster", "eco2-rabbitmq").spec
    assert not broker["tolerations"]
    assert not broker["affinity"]
    assert "affinity" not in variant.one("Deployment", "scan-api").spec["template"]["spec"]
