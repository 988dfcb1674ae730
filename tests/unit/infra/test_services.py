"""Every pod of the app image gets what it needs, and no more."""

from typing import Any

import pytest
from pydantic_settings import BaseSettings

from app import settings, topology
from tests.unit.conftest import Made, Recording, run_stack

BROKER = {"RABBITMQ_HOST", "RABBITMQ_PORT", "RABBITMQ_VHOST", "RABBITMQ_USERNAME", "RABBITMQ_PASSWORD", "LOG_LEVEL"}
REDIS = {"REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD"}
POSTGRES = {"POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DATABASE", "POSTGRES_USERNAME", "POSTGRES_PASSWORD"}
MODEL = {"MODEL_BASE_URL", "MODEL_API_KEY", "MODEL_VISION", "MODEL_ANSWER"}
RECORD = {"STATE_TTL_SECONDS"}

ENVIRONMENTS = {
    "scan-api": BROKER | REDIS | RECORD | {"OUTBOX_MAX_ENTRIES", "REDIS_WAITAOF"},
    "scan-worker": BROKER | REDIS | RECORD | MODEL | {"WORKER_CONCURRENCY"},
    "reward-worker": BROKER | REDIS | RECORD | {"CHARACTER_HOST", "CHARACTER_PORT"},
    "celery-beat": BROKER | {"DEADLETTER_REPLAY_SECONDS"},
    "character": BROKER | POSTGRES,
    "character-worker": BROKER | POSTGRES,
    "users-worker": BROKER | POSTGRES,
    "authz": BROKER | REDIS,
    "character-migration": POSTGRES,
    "character-warm-up": BROKER | POSTGRES,
}
READ_AS: dict[str, type[BaseSettings]] = {
    "scan-api": settings.ApiSettings,
    "scan-worker": settings.ScanWorkerSettings,
    "reward-worker": settings.RewardWorkerSettings,
    "celery-beat": settings.BeatSettings,
    "character": settings.CharacterSettings,
    "character-worker": settings.SaverSettings,
    "users-worker": settings.SaverSettings,
    "authz": settings.AuthzSettings,
    "character-migration": settings.PostgresSettings,
    "character-warm-up": settings.CharacterSettings,
}
COMMANDS = {
    "scan-api": "app.api",
    "scan-worker": "app.worker scan",
    "reward-worker": "app.worker reward",
    "celery-beat": "app.beat",
    "character": "app.character",
    "character-worker": "app.savers character",
    "users-worker": "app.savers users",
    "authz": "app.authz serve",
    "character-migration": "app.character.migrate",
    "character-warm-up": "app.character.catalogue reload",
}
CALLED = {"scan-api": 80, "character": 50051, "authz": 50052}
SERVICES = {service.name: service for service in topology.SERVICES}


def workload(stack: Recording, name: str) -> Made:
    (found,) = (made for kind in ("Deployment", "Job") for made in stack.of_kind(kind) if made.name == name)
    return found


def container(stack: Recording, name: str) -> dict[str, Any]:
    found: dict[str, Any] = workload(stack, name).spec["template"]["spec"]["containers"][0]
    return found


def env(stack: Recording, name: str) -> dict[str, Any]:
    return {entry["name"]: entry for entry in container(stack, name)["env"]}


def annotations(stack: Recording, name: str) -> Any:
    return workload(stack, name).spec["template"]["metadata"]["annotations"]


def test_every_pod_of_the_app_is_listed_here(built: Recording) -> None:
    pods = [made for kind in ("Deployment", "Job") for made in built.of_kind(kind)]
    first = {made.name: made.spec["template"]["spec"]["containers"][0]["image"] for made in pods}
    of_app = {name for name, image in first.items() if image.startswith("registry.example/eco2-app")}
    assert of_app == set(ENVIRONMENTS) == set(COMMANDS)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_pod_gets_exactly_its_variables(name: str, built: Recording) -> None:
    assert set(env(built, name)) == ENVIRONMENTS[name], "a credential that it does not use is one that it can lose"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_variable_comes_from_one_place(name: str, built: Recording) -> None:
    names = [entry["name"] for entry in container(built, name)["env"]]
    assert len(names) == len(set(names)), "which of two values holds depends on their order"
    assert "envFrom" not in container(built, name), "a key in two of its sources is decided by their order"


def test_all_that_use_the_tables_are_told_the_database_that_is_migrated(built: Recording) -> None:
    def database(name: str) -> list[Any]:
        return [env(built, name)[variable].get("value") for variable in sorted(POSTGRES)]

    users = [name for name, variables in ENVIRONMENTS.items() if variables >= POSTGRES]
    assert len(users) == 5
    for name in users:
        assert database(name) == database("character-migration"), f"{name} would find no tables"


@pytest.mark.parametrize("name", READ_AS)
def test_a_pod_reads_all_that_it_gets_and_gets_all_that_it_must_have(name: str) -> None:
    fields = READ_AS[name].model_fields
    given = {variable.lower() for variable in ENVIRONMENTS[name]}
    assert given <= set(fields), "nobody would notice that a setting has no effect"
    assert {field for field, info in fields.items() if info.is_required()} <= given, "it would not start"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pod_runs_its_module(name: str, dev: Recording) -> None:
    assert container(dev, name)["command"] == ["python", "-m", *COMMANDS[name].split()]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_of_the_broker_runs_where_its_user_is_and_logs_in_as_itself(name: str, built: Recording) -> None:
    assert workload(built, name).metadata["namespace"] == SERVICES[name].namespace
    source = env(built, name)["RABBITMQ_PASSWORD"]["valueFrom"]["secretKeyRef"]
    assert source == {"name": f"{name}-user-credentials", "key": "password"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_secret_that_a_pod_names_is_made_in_its_namespace_and_before_it(name: str, built: Recording) -> None:
    pod = workload(built, name)
    namespace, needed = pod.metadata["namespace"], built.needed_by(pod)
    made = {(m.type.rpartition(":")[2], m.metadata.get("name")): m for m in needed if namespaced(m, namespace)}
    for variable in env(built, name).values():
        if "valueFrom" in variable:
            source = variable["valueFrom"]["secretKeyRef"]
            by_operator = ("User", source["name"].removesuffix("-user-credentials")) in made
            ours = made.get(("Secret", source["name"]))
            known = by_operator or (ours is not None and source["key"] in ours.inputs["data"])
            assert known, f"{variable['name']} comes from a secret that nobody makes"


def namespaced(made: Made, namespace: str) -> bool:
    return made.metadata.get("namespace") == namespace


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"scan-api"}))
def test_what_is_ready_says_so_and_a_start_in_an_outage_is_not_cut_off(name: str, built: Recording) -> None:
    probed = container(built, name)
    pages = {kind: probed[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: page["path"] for kind, page in pages.items()} == {
        "startup": "/livez",
        "liveness": "/livez",
        "readiness": "/readyz",
    }
    assert {page["port"] for page in pages.values()} == {"metrics"}


def test_there_is_never_a_second_timer(built: Recording) -> None:
    spec = workload(built, "celery-beat").spec
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"}), "each task would be sent twice"


@pytest.mark.parametrize("name", ["character", "authz"])
def test_a_server_is_replaced_without_a_gap(name: str, built: Recording) -> None:
    strategy = workload(built, name).spec["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize("name", CALLED)
def test_a_service_leads_to_the_port_that_its_pods_serve(name: str, built: Recording) -> None:
    (port,) = built.one("Service", name).spec["ports"]
    served = {entry["name"]: entry["containerPort"] for entry in container(built, name)["ports"]}
    assert port["port"] == CALLED[name]
    assert port["targetPort"] in served


def test_clients_of_character_get_the_addresses_of_all_pods(built: Recording) -> None:
    spec = built.one("Service", "character").spec
    assert spec["clusterIP"] == "None", "one connection to one address would use one pod alone"
    served = {entry["name"]: entry["containerPort"] for entry in container(built, "character")["ports"]}
    assert spec["ports"][0]["port"] == served["grpc"], "the pods' addresses know the pods' own port only"


def test_the_reward_worker_knows_where_character_is(built: Recording) -> None:
    given = {name: entry.get("value") for name, entry in env(built, "reward-worker").items()}
    assert (given["CHARACTER_HOST"], given["CHARACTER_PORT"]) == ("character.character.svc", "50051")


def test_another_password_of_the_database_replaces_the_pods_that_use_it_and_no_others(dev: Recording) -> None:
    other = run_stack("dev", postgresPassword="another-password-of-postgres")
    replaced = {name for name in SERVICES if annotations(other, name) != annotations(dev, name)}
    assert replaced == {"character", "character-worker", "users-worker"}
