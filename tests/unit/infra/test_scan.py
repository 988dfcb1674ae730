"""The containers of scan-api and scan-worker get what they need, and no more."""

from typing import Any

import pytest

from tests.unit.conftest import Recording, run_stack

SHARED = {
    "RABBITMQ_HOST",
    "RABBITMQ_PORT",
    "RABBITMQ_VHOST",
    "RABBITMQ_USERNAME",
    "RABBITMQ_PASSWORD",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_PASSWORD",
    "STATE_TTL_SECONDS",
    "LOG_LEVEL",
}
OWN = {
    "scan-api": {"OUTBOX_MAX_ENTRIES", "REDIS_WAITAOF"},
    "scan-worker": {"WORKER_CONCURRENCY", "MODEL_BASE_URL", "MODEL_API_KEY", "MODEL_VISION", "MODEL_ANSWER"},
}


def container(stack: Recording, name: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.one("Deployment", name, "scan").spec["template"]["spec"]["containers"][0]
    return found


def env(stack: Recording, name: str) -> dict[str, Any]:
    return {entry["name"]: entry for entry in container(stack, name)["env"]}


@pytest.mark.parametrize("name", ["scan-api", "scan-worker"])
def test_a_service_gets_exactly_its_variables(name: str, built: Recording) -> None:
    assert set(env(built, name)) == SHARED | OWN[name]


@pytest.mark.parametrize("name", ["scan-api", "scan-worker"])
def test_a_service_logs_in_as_itself(name: str, built: Recording) -> None:
    source = env(built, name)["RABBITMQ_PASSWORD"]["valueFrom"]["secretKeyRef"]
    assert source == {"name": f"{name}-user-credentials", "key": "password"}


@pytest.mark.parametrize("name", ["scan-api", "scan-worker"])
def test_every_secret_that_a_service_names_is_made_in_its_namespace(name: str, built: Recording) -> None:
    by_operator = {f"{user.metadata['name']}-user-credentials" for user in built.of_kind("User")}
    ours = {s.metadata["name"]: s for s in built.of_kind("Secret") if s.metadata["namespace"] == "scan"}
    for variable in env(built, name).values():
        if "valueFrom" in variable:
            source = variable["valueFrom"]["secretKeyRef"]
            known = source["name"] in by_operator or source["key"] in ours[source["name"]].inputs["data"]
            assert known, f"{variable['name']} comes from a secret that nobody makes"


def test_the_model_key_is_marked_secret(dev: Recording) -> None:
    assert any(path.startswith("data") for path in dev.one("Secret", "model", "scan").secrets)


def test_no_pod_of_the_api_goes_before_its_successor_is_ready(built: Recording) -> None:
    strategy = built.one("Deployment", "scan-api").spec["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}
    assert container(built, "scan-api")["lifecycle"]["preStop"], "connections still on their way would be refused"


def test_a_worker_has_time_to_end_a_model_call(built: Recording) -> None:
    pod = built.one("Deployment", "scan-worker").spec["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= 90


def probed_pages(stack: Recording, name: str) -> dict[str, str]:
    probed = container(stack, name)
    return {kind: probed[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}


@pytest.mark.parametrize("name", ["scan-api", "scan-worker"])
def test_liveness_asks_for_no_dependency(name: str, built: Recording) -> None:
    assert probed_pages(built, name)["liveness"] == "/livez", "a restart brings no dependency back"
    probed = container(built, name)
    assert probed["livenessProbe"]["httpGet"]["port"] == probed["ports"][0]["name"]


def test_the_api_stays_in_its_service_when_redis_goes(built: Recording) -> None:
    assert probed_pages(built, "scan-api")["readiness"] == "/livez", "clients would be refused instead of told 503"


def test_a_new_pod_of_the_api_has_reached_redis_before_an_old_one_goes(built: Recording) -> None:
    assert probed_pages(built, "scan-api")["startup"] == "/readyz", "a rollout to a wrong address would go through"


def test_an_outage_of_redis_restarts_no_pod_of_the_api_that_starts_in_it(built: Recording) -> None:
    startup = container(built, "scan-api")["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 300


def test_a_start_that_hangs_comes_to_an_end(built: Recording) -> None:
    for name in ("scan-api", "scan-worker"):
        startup = container(built, name)["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] <= 600, "liveness is not asked before it"


def test_a_worker_is_ready_when_it_consumes(built: Recording) -> None:
    assert probed_pages(built, "scan-worker") == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}


def test_the_outputs_can_be_pasted_into_a_shell(dev: Recording) -> None:
    assert dev.outputs["api_url"] == "http://scan-api.scan.svc"
    assert dev.outputs["api_url"] in dev.outputs["curl_examples"]
    assert "eco2-rabbitmq-default-user" in dev.outputs["management_password_command"]


def test_another_model_key_replaces_the_workers_and_not_the_api(dev: Recording) -> None:
    other = run_stack("dev", modelApiKey="another-key")

    def annotations(stack: Recording, name: str) -> Any:
        return stack.one("Deployment", name).spec["template"]["metadata"]["annotations"]

    assert annotations(other, "scan-worker") != annotations(dev, "scan-worker")
    assert annotations(other, "scan-api") == annotations(dev, "scan-api")
