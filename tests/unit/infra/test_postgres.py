"""PostgreSQL keeps what it confirmed, keeps its password to itself, and runs in whatever image has its programs."""

import base64
import subprocess
from typing import Any

import pytest

from infra.postgres import START
from tests.unit.conftest import Recording, run_stack

POSTGRES = ("postgres", "postgres")


def files(stack: Recording) -> dict[str, str]:
    found: dict[str, str] = stack.one("ConfigMap", *POSTGRES).inputs["data"]
    return found


def config(stack: Recording) -> dict[str, str]:
    lines = files(stack)["postgresql.conf"].splitlines()
    return {key: value.strip("'") for key, _, value in (line.partition(" = ") for line in lines)}


def pod(stack: Recording) -> dict[str, Any]:
    found: dict[str, Any] = stack.one("StatefulSet", *POSTGRES).spec["template"]["spec"]
    return found


def container(stack: Recording) -> dict[str, Any]:
    found, _exporter = pod(stack)["containers"]
    return dict(found)


def test_nothing_that_makes_a_commit_last_is_switched_off(built: Recording) -> None:
    weakening = {"fsync", "full_page_writes", "synchronous_commit", "wal_level"}
    assert not weakening & set(config(built)), "an event is acknowledged because its row is on disk"


def test_the_cache_is_a_quarter_of_the_memory(dev: Recording) -> None:
    assert (config(dev)["shared_buffers"], config(dev)["max_connections"]) == ("256MB", "100")


def test_a_client_that_hangs_gives_its_locks_back(dev: Recording) -> None:
    assert config(dev)["idle_in_transaction_session_timeout"] == "60s"
    assert config(dev)["tcp_keepalives_idle"] == "30s", "the system's own two hours would hold them for so long"


def test_whoever_connects_over_the_network_needs_the_password(built: Recording) -> None:
    over_network = [line for line in files(built)["pg_hba.conf"].splitlines() if not line.startswith("local ")]
    assert over_network == ["host all all all scram-sha-256"]
    assert config(built)["password_encryption"] == "scram-sha-256"


def test_the_password_is_in_a_file_and_on_no_command_line(dev: Recording) -> None:
    assert "not-a-real-database-password" not in str(container(dev)) + str(files(dev))
    values = dev.one("Secret", *POSTGRES).inputs["data"]
    assert base64.b64decode(values["password"]) == b"not-a-real-database-password"


@pytest.mark.parametrize("namespace", ["postgres", "character"])
def test_the_password_is_marked_secret_wherever_it_goes(namespace: str, dev: Recording) -> None:
    assert any(path.startswith("data") for path in dev.one("Secret", "postgres", namespace).secrets)


@pytest.mark.parametrize(
    "overlay", [{"postgresPassword": "another-password-of-postgres"}, {"postgresMaxConnections": 50}]
)
def test_what_is_read_at_the_start_replaces_the_pod_when_it_changes(overlay: dict[str, Any], dev: Recording) -> None:
    before, after = (
        stack.one("StatefulSet", *POSTGRES).spec["template"]["metadata"]["annotations"]
        for stack in (dev, run_stack("dev", **overlay))
    )
    assert before != after


def test_the_image_brings_the_programs_and_nothing_else(dev: Recording) -> None:
    mounted = {mount["mountPath"] for mount in container(dev)["volumeMounts"]}
    assert container(dev)["command"] == ["sh", "/etc/eco2-postgres/start.sh"]
    assert "/etc/passwd" in mounted, "initdb ends when it does not find its user there"
    assert f":{pod(dev)['securityContext']['runAsUser']}:" in files(dev)["passwd"]
    assert {"/data", "/run/postgresql"} <= mounted, "the root is read-only"


def test_the_start_script_is_one() -> None:
    subprocess.run(["sh", "-n", START], check=True)


def test_no_client_can_hold_up_the_end(built: Recording) -> None:
    stop = container(built)["lifecycle"]["preStop"]["exec"]["command"]
    assert {"stop", "--mode=fast"} <= set(stop), (
        "SIGTERM alone waits for every client to leave, and SIGKILL comes first"
    )


def test_reading_what_a_crash_has_left_is_no_reason_for_a_restart(built: Recording) -> None:
    probed = container(built)
    scripts = {kind: probed[f"{kind}Probe"]["exec"]["command"][-1] for kind in ("startup", "liveness", "readiness")}
    assert scripts["startup"] == scripts["liveness"] == "pg_isready --quiet --timeout=2 || [ $? -eq 1 ]"
    assert scripts["readiness"] == "pg_isready --quiet --timeout=2"
    assert probed["startupProbe"]["periodSeconds"] * probed["startupProbe"]["failureThreshold"] >= 600


def test_nobody_reads_from_a_copy(built: Recording) -> None:
    assert built.one("StatefulSet", *POSTGRES).spec["replicas"] == 1, "each pod would have tables of its own"


def test_clients_get_an_address_that_outlives_the_pod(dev: Recording) -> None:
    assert "clusterIP" not in dev.one("Service", *POSTGRES).spec
    assert dev.one("StatefulSet", *POSTGRES).spec["serviceName"] == "postgres-headless"
    assert dev.one("Service", "postgres-headless", "postgres").spec["clusterIP"] == "None"


def test_an_external_server_takes_the_place_of_the_one_in_the_cluster(elsewhere: Recording) -> None:
    assert "postgres" not in {made.metadata["name"] for made in elsewhere.of_kind("StatefulSet")}
    for name in ("character", "character-worker", "users-worker"):
        (entry,) = (
            entry
            for entry in elsewhere.one("Deployment", name).spec["template"]["spec"]["containers"][0]["env"]
            if entry["name"] == "POSTGRES_HOST"
        )
        assert entry["value"] == "db.example.com"


@pytest.fixture
def elsewhere() -> Recording:
    return run_stack("dev", postgresHost="db.example.com")
