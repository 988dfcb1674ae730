"""Settings: the schema and the code agree, and a value that cannot work is named with its harm."""

import pulumi
import pytest

from infra import settings
from infra.checks import SettingsError
from infra.settings import config_keys
from tests.unit.conftest import config_in, record, stack_config

SCHEMA = {key: entry for key, entry in config_in("Pulumi.yaml").items() if ":" not in key}
TYPES = {str: "string", int: "integer", bool: "boolean", pulumi.Output[str]: "string"}


def load(**overlay: object) -> None:
    record(settings.load, stack_config("dev", **overlay))


def test_the_schema_has_exactly_the_keys_that_are_read() -> None:
    assert set(SCHEMA) == set(config_keys()), "a key in one list only is ignored, or cannot be set"


@pytest.mark.parametrize("key", SCHEMA)
def test_a_key_is_described_and_read_as_the_type_that_it_is_declared_as(key: str) -> None:
    assert SCHEMA[key]["type"] == TYPES[config_keys()[key]]
    assert len(SCHEMA[key]["description"]) > 10


@pytest.mark.parametrize("key", SCHEMA)
def test_what_is_read_as_a_secret_must_be_stored_as_one(key: str) -> None:
    assert SCHEMA[key].get("secret", False) == (config_keys()[key] == pulumi.Output[str])
    assert "default" not in SCHEMA[key] or not SCHEMA[key].get("secret"), "a working default secret is no secret"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_stack_file_sets_no_key_that_does_not_exist(stack: str) -> None:
    own = config_in(f"Pulumi.{stack}.yaml")
    unknown = {key for key in own if key.startswith("eco2:")} - {f"eco2:{key}" for key in SCHEMA}
    assert not unknown, "the engine says nothing about a misspelt key"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("rabbitmqReplicas", 2, r"odd \(got 2\).*Use 3"),
        ("rabbitmqReplicas", 0, r"odd \(got 0\).*Use 1"),
        ("rabbitmqStorage", "3Gi", "twice rabbitmqMemoryLimit"),
        ("rabbitmqTerminationGraceSeconds", 5, "30 or more"),
        ("rabbitmqMemoryRequest", "4Gi", r"rabbitmqMemoryRequest \(4Gi\) is above rabbitmqMemoryLimit \(2Gi\)"),
        ("workerCpuRequest", "3", "workerCpuRequest .* is above"),
        ("redisMaxMemory", "900Mi", "three quarters of redisMemoryLimit"),
        ("redisStorage", "1Gi", "twice redisMaxMemory"),
        ("redisPassword", "short", "openssl rand"),
        ("redisPassword", "sixteen-or-more-but with spaces", "openssl rand"),
        ("postgresPassword", "short", "postgresPassword must be 16 .*openssl rand"),
        ("postgresMaxConnections", 200, r"\(200\) times 4Mi must be at most half of postgresMemoryLimit \(1Gi\)"),
        ("postgresImage", "postgres:latest", "needs a tag"),
        ("characterReplicas", 0, "1 or more"),
        ("saverMemoryRequest", "1Gi", "saverMemoryRequest .* is above"),
        ("deadletterReplaySeconds", 0, "1 or more"),
        ("apiServiceType", "NodePort", "ClusterIP, LoadBalancer"),
        ("apiReplicas", 0, "1 or more"),
        ("appImage", "registry.example:5000/app", "needs a tag"),
        ("appImage", "app:latest", "needs a tag"),
        ("appImage", "app:1@sha256:0123", "needs a whole digest"),
        ("appImage", f"app@sha256:{'A' * 64}", "needs a whole digest"),
        ("imageDigests", "always", "required, optional"),
        ("imagePullPolicy", "Sometimes", "Always, IfNotPresent, Never"),
        ("modelBaseUrl", "model.example/v1", "https://"),
        ("logLevel", "LOUD", "DEBUG, INFO"),
        ("apiMemoryLimit", "1 GB", "no Kubernetes quantity"),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_its_reason(key: str, value: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(**{key: value})


@pytest.mark.parametrize("image", ["registry.example:5000/app:1", f"app@sha256:{'0' * 64}"])
def test_a_tag_or_a_digest_is_enough_for_an_image(image: str) -> None:
    load(appImage=image)


def load_prod(**overlay: object) -> None:
    record(settings.load, stack_config("prod", **overlay))


def test_images_without_a_digest_are_all_named_where_digests_are_required() -> None:
    with pytest.raises(SettingsError) as refused:
        load_prod(appImage="app:1", clusterOperatorImage="")
    message = str(refused.value)
    assert "appImage (app:1), clusterOperatorImage (empty: by a tag, in its manifest)" in message
    assert "crane digest" in message, "it must say where a digest is to be had"
    assert "redisImage" not in message


@pytest.mark.parametrize(
    ("key", "value", "image"),
    [
        ("elasticacheNodeType", "cache.m7g.large", "redisImage"),
        ("rdsInstanceClass", "db.m7g.large", "postgresExporterImage"),
        ("postgresHost", "postgres.example", "postgresImage"),
    ],
)
def test_an_image_that_no_pod_runs_needs_no_digest(key: str, value: str, image: str) -> None:
    load_prod(**{key: value, image: "store:1", "awsVpcId": "vpc-0000000e"})
    with pytest.raises(SettingsError, match=image):
        load_prod(**{image: "store:1"})


def test_production_ships_no_image_that_nobody_has_chosen() -> None:
    own = config_in("Pulumi.prod.yaml")
    assert own["eco2:imageDigests"] == "required"
    assert not [key for key in own if key.endswith("Image")], "a digest is of a registry that only its owner knows"
