"""`make render` for both stacks, by the real engine and without any cluster."""

import re
from pathlib import Path

from tests.render.checkers import files, objects
from tests.render.conftest import render

WAVE = "argocd.argoproj.io/sync-wave"


def contents(directory: Path) -> dict[str, bytes]:
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def test_rendered_again_every_byte_is_the_same(tree: Path, tmp_path: Path) -> None:
    assert render(tree.name, tmp_path / "again").returncode == 0
    assert contents(tmp_path / "again") == contents(tree)


def test_a_file_holds_one_object_and_stands_in_its_wave(tree: Path) -> None:
    assert len(files(tree)) > 200
    for file, content in zip(files(tree), objects(tree), strict=True):
        assert file.parent.name == f"wave-{int(content['metadata']['annotations'][WAVE]):02}"


def test_namespaces_and_definitions_come_before_what_needs_them(tree: Path) -> None:
    found = list(objects(tree))
    wave = {(one["kind"], one["metadata"]["name"]): int(one["metadata"]["annotations"][WAVE]) for one in found}
    defined = {
        (one["spec"]["group"], one["spec"]["names"]["kind"])
        for one in found
        if one["kind"] == "CustomResourceDefinition"
    }
    first = {name for (kind, name), number in wave.items() if kind == "CustomResourceDefinition" and number == 0}
    assert len(first) == len(defined)
    for one in found:
        own = int(one["metadata"]["annotations"][WAVE])
        if namespace := one["metadata"].get("namespace"):
            assert wave["Namespace", namespace] < own, one["metadata"]
        if (one["apiVersion"].partition("/")[0], one["kind"]) in defined:
            assert own > 0, one["metadata"]


def test_what_the_program_waits_for_is_in_an_earlier_wave(tree: Path) -> None:
    wave = {(one["kind"], one["metadata"]["name"]): int(one["metadata"]["annotations"][WAVE]) for one in objects(tree)}
    order = [
        ("Deployment", "rabbitmq-cluster-operator"),
        ("RabbitmqCluster", "eco2-rabbitmq"),
        ("Vhost", "eco2"),
        ("Queue", "celery"),
        ("Deployment", "scan-api"),
        ("Deployment", "reward-worker"),
    ]
    waves = [wave[one] for one in order]
    assert waves == sorted(set(waves)), dict(zip(order, waves, strict=True))


def test_nothing_that_is_pulumis_or_secret_is_in_it(tree: Path) -> None:
    assert not [one["metadata"]["name"] for one in objects(tree) if one["kind"] == "Secret"]
    for file in files(tree):
        assert not re.search(r"pulumi\.com/|from-secrets-env", file.read_text()), file
    assert "REDIS_PASSWORD=\n" in (tree / "secrets.env.example").read_text()


def test_placeholders_are_listed_by_name_and_gone_once_they_are_set(trees: dict[str, Path], tmp_path: Path) -> None:
    for tree in trees.values():
        assert "- `appImage`" in (tree / "README.md").read_text()
    assert render("dev", tmp_path / "set", "appImage=registry.test/eco2:7").returncode == 0
    assert "appImage" not in (tmp_path / "set" / "README.md").read_text()


def test_a_name_that_only_aws_will_know_is_an_error_with_its_setting(tmp_path: Path) -> None:
    done = render("prod", tmp_path / "out", "elasticacheNodeType=cache.m7g.large")
    assert done.returncode != 0
    assert re.search(r"REDIS_HOST of Deployment scan/scan-api \(from redis, .* elasticacheNodeType", done.stderr)
    assert not (tmp_path / "out").exists()
