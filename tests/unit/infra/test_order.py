"""What is made before what. On the way down it is the other way round."""

import re

import pytest

from tests.unit.conftest import Made, Recording


def kinds(resources: list[Made]) -> set[str]:
    return {made.type.rpartition(":")[2] for made in resources}


def names(resources: list[Made], kind: str) -> set[str]:
    return {made.metadata["name"] for made in resources if re.fullmatch(f"kubernetes:.*:{kind}", made.type)}


def test_a_definition_comes_before_the_operator_and_the_operator_before_its_objects(built: Recording) -> None:
    deployment = built.one("Deployment", "rabbitmq-cluster-operator")
    assert names(built.needed_by(deployment), "CustomResourceDefinition") == {"rabbitmqclusters.rabbitmq.com"}
    cluster = built.one("RabbitmqCluster", "eco2-rabbitmq")
    assert "rabbitmq-cluster-operator" in names(built.needed_by(cluster), "Deployment")


def namespaced(resources: list[Made], kind: str) -> set[tuple[str, str]]:
    """Namespace and name of each."""
    found = [made.metadata for made in resources if re.fullmatch(f"kubernetes:.*:{kind}", made.type)]
    return {(metadata["namespace"], metadata["name"]) for metadata in found}


@pytest.mark.parametrize("kind", ["Vhost", "Exchange", "Queue", "Policy", "Binding", "User", "Permission"])
def test_topology_objects_live_between_the_broker_and_the_topology_operator(kind: str, built: Recording) -> None:
    for made in built.of_kind(kind):
        needed = built.needed_by(made)
        assert "RabbitmqCluster" in kinds(needed), f"{made.name} would be declared on no broker"
        operators = names(needed, "Deployment")
        assert "messaging-topology-operator" in operators, f"the finalizer of {made.name} would hang for ever"


def test_everything_in_the_vhost_comes_after_the_vhost(built: Recording) -> None:
    for kind in ("Exchange", "Queue", "Policy", "Binding", "Permission"):
        for made in built.of_kind(kind):
            assert "Vhost" in kinds(built.needed_by(made)), f"{made.name} would be refused"


def test_a_binding_comes_after_both_of_its_ends(built: Recording) -> None:
    for binding in built.of_kind("Binding"):
        needed = built.needed_by(binding)
        ends = {made.spec["name"] for made in needed if made.type.endswith((":Exchange", ":Queue"))}
        assert {binding.spec["source"], binding.spec["destination"]} <= ends


def test_a_permission_comes_after_its_user(built: Recording) -> None:
    for permission in built.of_kind("Permission"):
        assert permission.metadata["name"] in names(built.needed_by(permission), "User")


STORES = {
    "scan-api": {"redis"},
    "scan-worker": {"redis"},
    "reward-worker": {"redis", "postgres"},
    "celery-beat": set(),
    "character": {"postgres"},
    "character-worker": {"postgres"},
    "users-worker": {"postgres"},
    "authz": {"redis"},
}


@pytest.mark.parametrize("service", STORES)
def test_an_app_comes_after_all_of_the_topology_its_user_and_its_stores(service: str, built: Recording) -> None:
    needed = built.needed_by(built.one("Deployment", service))
    for kind in ("Queue", "Exchange", "Binding", "Policy"):
        assert names(needed, kind) == {made.metadata["name"] for made in built.of_kind(kind)}, (
            f"a message to a missing {kind.lower()} is lost"
        )
    assert service in names(needed, "Permission")
    assert names(needed, "StatefulSet") >= STORES[service]


def job(stack: Recording, name: str) -> Made:
    (found,) = (made for made in stack.of_kind("Job") if made.name == name)
    return found


@pytest.mark.parametrize("service", ["character", "character-worker", "users-worker"])
def test_what_uses_the_tables_comes_after_the_migration(service: str, built: Recording) -> None:
    assert job(built, "character-migration") in built.needed_by(built.one("Deployment", service))


def test_the_migration_comes_after_the_database_answers(built: Recording) -> None:
    needed = built.needed_by(job(built, "character-migration"))
    assert "postgres" in names(needed, "StatefulSet")
    assert {"postgres"} == {made.metadata["name"] for made in needed if "password" in made.inputs.get("data", {})}


def test_the_catalogue_is_warmed_up_when_character_is_there(built: Recording) -> None:
    assert "character" in names(built.needed_by(job(built, "character-warm-up")), "Deployment")


def test_rewards_are_asked_for_when_somebody_answers(built: Recording) -> None:
    needed = built.needed_by(built.one("Deployment", "reward-worker"))
    assert "character" in names(needed, "Deployment")
    assert job(built, "character-warm-up") in needed


def test_nothing_repairs_before_there_is_a_worker_for_it(built: Recording) -> None:
    needed = built.needed_by(built.one("Deployment", "celery-beat"))
    assert "reward-worker" in names(needed, "Deployment"), "its tasks would pile up"


def test_a_pod_comes_after_the_account_that_it_runs_as(built: Recording) -> None:
    for made in (made for kind in ("Deployment", "StatefulSet", "Job") for made in built.of_kind(kind)):
        accounts = namespaced(built.needed_by(made), "ServiceAccount")
        account = made.spec["template"]["spec"]["serviceAccountName"]
        assert (made.metadata["namespace"], account) in accounts, f"no pod of {made.name} could be made"


def test_a_name_that_a_pod_is_told_is_there_before_anybody_asks_for_it(built: Recording) -> None:
    told = 0
    for made in (made for kind in ("Deployment", "Job") for made in built.of_kind(kind)):
        needed = built.needed_by(made)
        # The cluster operator makes the brokers' Service.
        known = namespaced(needed, "Service") | namespaced(needed, "RabbitmqCluster")
        for variable in made.spec["template"]["spec"]["containers"][0].get("env", ()):
            if variable["name"].endswith("_HOST"):
                name, namespace, suffix = variable["value"].split(".")
                assert (namespace, name) in known, f"{made.name}: {variable['name']} is nobody, and DNS remembers that"
                assert suffix == "svc"
                told += 1
    assert told > 10


def test_everything_in_a_namespace_comes_after_the_namespace(built: Recording) -> None:
    for made in built.made:
        namespace = made.metadata.get("namespace")
        if namespace is not None:
            assert namespace in names(built.needed_by(made), "Namespace"), f"{made.name} needs {namespace}"
