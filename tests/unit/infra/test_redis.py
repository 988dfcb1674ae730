"""Redis keeps what was accepted, and keeps its password to itself."""

import base64

import pytest

from tests.unit.conftest import Recording, run_stack

REDIS = ("redis", "redis")


def config(stack: Recording) -> dict[str, str]:
    text: str = stack.one("ConfigMap", *REDIS).inputs["data"]["redis.conf"]
    return {key: value for key, _, value in (line.partition(" ") for line in text.splitlines())}


def test_redis_writes_to_disk_every_second_and_never_evicts(built: Recording) -> None:
    found = config(built)
    assert (found["appendonly"], found["appendfsync"]) == ("yes", "everysec")
    assert found["maxmemory-policy"] == "noeviction", "an evicted key is an accepted scan that is lost"


def test_what_redis_may_hold_stays_below_its_memory_limit(dev: Recording) -> None:
    limit = dev.one("StatefulSet", *REDIS).spec["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    assert (int(config(dev)["maxmemory"]), limit) == (640 * 2**20, "1Gi")


def test_the_password_is_in_files_and_on_no_command_line(dev: Recording) -> None:
    container = dev.one("StatefulSet", *REDIS).spec["template"]["spec"]["containers"][0]
    assert "env" not in container
    assert "not-a-real-password" not in str(container)
    assert "requirepass" not in config(dev)
    values = dev.one("Secret", *REDIS).inputs["data"]
    assert base64.b64decode(values["auth.conf"]) == b"requirepass not-a-real-password\n"
    assert config(dev)["include"].endswith("/auth.conf")


@pytest.mark.parametrize("namespace", ["redis", "scan"])
def test_the_password_is_marked_secret_wherever_it_goes(namespace: str, dev: Recording) -> None:
    assert any(path.startswith("data") for path in dev.one("Secret", "redis", namespace).secrets)


@pytest.mark.parametrize(
    ("kind", "name"), [("StatefulSet", "redis"), ("Deployment", "scan-api"), ("Deployment", "scan-worker")]
)
def test_another_password_replaces_the_pods_that_use_it(kind: str, name: str, dev: Recording) -> None:
    other = run_stack("dev", redisPassword="another-password-of-redis")
    before, after = (stack.one(kind, name).spec["template"]["metadata"]["annotations"] for stack in (dev, other))
    assert before != after, "the pods would go on with the old password until they fail"


def test_nobody_reads_from_a_copy(built: Recording) -> None:
    assert built.one("StatefulSet", *REDIS).spec["replicas"] == 1, (
        "the Service would lead to copies that lag, take no writes, and hear of no change"
    )


def test_clients_get_an_address_that_outlives_the_pod(dev: Recording) -> None:
    assert "clusterIP" not in dev.one("Service", *REDIS).spec
    headless = dev.one("Service", "redis-headless", "redis")
    assert headless.spec["clusterIP"] == "None"
    assert dev.one("StatefulSet", *REDIS).spec["serviceName"] == "redis-headless"
