import hashlib
from pathlib import Path

import pytest

from lab.stack_file import PINNED_MANIFESTS, SECRETS, lab_values, merged, missing_secrets, placeholders

ENCRYPTED = {"encryptionsalt": "v1:salt", "config": {"eco2:modelApiKey": {"secure": "v1:lab"}}}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    file = tmp_path / "operator.yml"
    file.write_text("kind: List\n")
    return file


def test_the_lab_lays_its_values_over_the_stacks_own() -> None:
    own = {"config": {"eco2:storageClass": "standard", "eco2:rabbitmqReplicas": 3}}
    config = merged(own, {"storageClass": "gp3"}, ENCRYPTED)["config"]
    assert config["eco2:storageClass"] == "gp3"
    assert config["eco2:rabbitmqReplicas"] == 3, "the lab must run the same stack, not another one"


def test_secrets_of_the_stacks_own_file_are_left_out() -> None:
    own = {"encryptionsalt": "v1:other", "config": {"eco2:token": {"secure": "v1:other"}, "aws:region": "r"}}
    content = merged(own, {}, ENCRYPTED)
    assert content["encryptionsalt"] == "v1:salt"
    assert "eco2:token" not in content["config"], "the engine would fail to decrypt it"
    assert content["config"]["aws:region"] == "r"


def test_the_labs_secrets_stay_encrypted() -> None:
    assert merged({}, {}, ENCRYPTED)["config"]["eco2:modelApiKey"] == {"secure": "v1:lab"}


def test_a_new_lab_makes_up_every_secret() -> None:
    assert missing_secrets({"encryptionsalt": "v1:salt"}) == [f"eco2:{name}" for name in SECRETS]


def test_a_lab_that_is_older_than_a_secret_makes_that_one_up() -> None:
    missing = missing_secrets(ENCRYPTED)
    assert "eco2:postgresPassword" in missing, "the stack could not be deployed into a lab that is up"
    assert "eco2:modelApiKey" not in missing, "a secret that changes replaces the pods that use it"


@pytest.mark.parametrize("own", [{}, {"config": None}], ids=["empty file", "empty config"])
def test_a_stack_file_without_values_is_fine(own: dict[str, None]) -> None:
    assert merged(own, {"a": "b"}, ENCRYPTED)["config"]["eco2:a"] == "b"


def test_manifests_come_with_their_checksum(manifest: Path) -> None:
    values = lab_values(lambda name: f"localhost/eco2/{name}:1", lambda tool: manifest)
    assert values["clusterOperatorManifest"] == str(manifest)
    assert values["topologyOperatorManifestSha256"] == hashlib.sha256(manifest.read_bytes()).hexdigest()


def test_every_image_of_the_stack_is_the_labs_own(manifest: Path) -> None:
    values = lab_values(lambda name: f"localhost/eco2/{name}:1", lambda tool: manifest)
    images = {key: value for key, value in values.items() if key.endswith("Image")}
    assert len(images) == 11
    assert all(value.startswith("localhost/eco2/") for value in images.values()), "it would be pulled from a registry"


def test_a_preview_sets_what_the_stack_leaves_open_and_nothing_else(manifest: Path) -> None:
    values = placeholders({"eco2:appImage": "registry/app:7"}, {})
    assert "appImage" not in values, "the plan would not be the stack's own"
    assert "appImage" in placeholders({}, {})


def test_a_preview_of_a_stack_that_asks_for_digests_has_a_placeholder_for_every_image() -> None:
    images = {
        key: value for key, value in placeholders({"eco2:imageDigests": "required"}, {}).items() if "Image" in key
    }
    assert len(images) == 11
    assert all(value.endswith(f":preview@sha256:{'0' * 64}") for value in images.values()), "it could be taken for real"
    own = {"eco2:imageDigests": "required", "eco2:redisImage": "r@sha256:1"}
    assert "redisImage" not in placeholders(own, {})


def test_a_manifest_of_a_preview_comes_with_its_checksum(manifest: Path) -> None:
    values = placeholders({}, dict.fromkeys(PINNED_MANIFESTS, manifest))
    for key in ("clusterOperatorManifest", "topologyOperatorManifest"):
        assert values[key] == str(manifest)
        assert values[f"{key}Sha256"] == hashlib.sha256(manifest.read_bytes()).hexdigest()
