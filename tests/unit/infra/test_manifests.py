"""A manifest is the pinned one, or the program ends with a line that says what to do."""

import hashlib
from pathlib import Path

import pytest

from infra import manifests
from infra.manifests import Manifest, ManifestError, pin, with_value

BODY = b"kind: A\n---\n\n---\nkind: B\n"
SHA256 = hashlib.sha256(BODY).hexdigest()
URL = "https://example.com/operator.yaml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "operator.yaml"
    path.write_bytes(BODY)
    return path


def manifest(location: str, sha256: str = SHA256, tmp_path: Path = Path("/nonexistent")) -> Manifest:
    return Manifest(key="someManifest", location=location, sha256=sha256, root=tmp_path, cache=tmp_path / "cache")


def test_a_pinned_file_is_parsed_and_empty_documents_are_skipped(file: Path) -> None:
    assert manifest(str(file)).objects() == [{"kind": "A"}, {"kind": "B"}]


def test_a_relative_file_starts_at_the_projects_root(file: Path) -> None:
    assert manifest("operator.yaml", tmp_path=file.parent).objects()


def test_a_changed_manifest_is_refused_with_both_checksums(file: Path) -> None:
    with pytest.raises(ManifestError, match=f"{SHA256}.*someManifestSha256 is 0123"):
        manifest(str(file), "0123").objects()


def test_a_manifest_that_nobody_pinned_is_refused_with_the_command_that_pins_it(file: Path) -> None:
    with pytest.raises(ManifestError, match=r"python -m infra.manifests pin --stack"):
        manifest(str(file), "").objects()


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no-such\.yaml"):
        manifest(str(tmp_path / "no-such.yaml")).objects()


def test_a_huge_manifest_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MAX_BYTES", len(BODY) - 1)
    with pytest.raises(ManifestError, match="larger than"):
        manifest(str(file)).objects()


def test_a_download_is_fetched_once_and_verified_again_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(manifests, "_download", lambda url: fetched.append(url) or BODY)
    for _ in range(2):
        manifest(URL, tmp_path=tmp_path).objects()
    assert fetched == [URL]
    (tmp_path / "cache" / f"{SHA256}.yaml").write_bytes(b"kind: Evil\n")
    assert manifest(URL, tmp_path=tmp_path).objects()[0] == {"kind": "A"}, "a changed cache must not be trusted"


def test_pinning_writes_both_checksums_and_keeps_the_comments(file: Path) -> None:
    schema = {key: f"  {key}:\n    default: operator.yaml\n" for key in manifests.PINNED_KEYS}
    (file.parent / "Pulumi.yaml").write_text("config:\n" + "".join(schema.values()))
    stack_file = file.parent / "Pulumi.dev.yaml"
    stack_file.write_text(f"# why\nconfig:\n  eco2:clusterOperatorManifest: {file}\n  # kept\n")

    assert set(pin("dev", file.parent).values()) == {SHA256}

    text = stack_file.read_text()
    assert text.startswith("# why\n")
    assert "  # kept\n" in text
    assert f'  eco2:clusterOperatorManifestSha256: "{SHA256}"\n' in text
    assert f'  eco2:topologyOperatorManifestSha256: "{SHA256}"\n' in text


def test_a_new_checksum_goes_into_the_config_section() -> None:
    before = "config:\n  eco2:b: x\nencryptionsalt: v1:abc\n"
    assert with_value(before, "eco2:a", "2") == 'config:\n  eco2:a: "2"\n  eco2:b: x\nencryptionsalt: v1:abc\n'


def test_pinning_again_replaces_the_old_checksum() -> None:
    before = 'config:\n  eco2:a: "1"\n  eco2:b: x\n'
    assert with_value(before, "eco2:a", "2") == 'config:\n  eco2:a: "2"\n  eco2:b: x\n'


def test_an_equals_sign_is_a_text(tmp_path: Path) -> None:
    body = b"enum:\n- '!='\n- =\n"
    (tmp_path / "x.yaml").write_bytes(body)
    assert manifest("x.yaml", hashlib.sha256(body).hexdigest(), tmp_path).objects() == [{"enum": ["!=", "="]}]
