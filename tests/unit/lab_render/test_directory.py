from pathlib import Path

import pytest
import yaml

from lab.errors import LabError
from lab.render.directory import LISTING, as_yaml, file_name, write


def contents(directory: Path) -> dict[str, str]:
    return {
        str(file.relative_to(directory)): file.read_text()
        for file in directory.rglob("*")
        if file.is_file() and file.name != LISTING
    }


def test_the_order_of_keys_changes_no_byte() -> None:
    one = {"kind": "Pod", "spec": {"b": 1, "a": [{"d": 1, "c": 2}]}, "apiVersion": "v1", "metadata": {"name": "x"}}
    other = {"spec": {"a": [{"c": 2, "d": 1}], "b": 1}, "metadata": {"name": "x"}, "apiVersion": "v1", "kind": "Pod"}
    assert as_yaml(one) == as_yaml(other)
    assert as_yaml(one).startswith("apiVersion: v1\nkind: Pod\nmetadata:\n")


@pytest.mark.parametrize("text", ["1e3", "0o14", "123e45", "yes", "=", "~", "a\nb\n", "한국어", "1_000", "-5"])
def test_a_text_stays_a_text_for_every_reader_of_yaml(text: str) -> None:
    written = as_yaml({"a": text})
    assert yaml.safe_load(written) == {"a": text}
    if text[0].isdigit():
        assert "'" in written, "YAML 1.2 takes 1e3 for a number, YAML 1.1 does not"


def test_a_file_is_named_by_wave_kind_namespace_and_name() -> None:
    content = {"kind": "ClusterRole", "metadata": {"name": "system:Reader"}}
    assert file_name(content, 3) == "wave-03/clusterrole.system-reader.yaml"
    content = {"kind": "Deployment", "metadata": {"name": "scan-api", "namespace": "scan"}}
    assert file_name(content, 12) == "wave-12/deployment.scan.scan-api.yaml"


def test_what_is_no_longer_rendered_goes_and_what_others_put_there_stays(tmp_path: Path) -> None:
    write(tmp_path, {"wave-00/a.yaml": "a", "wave-01/b.yaml": "b", "wave-02/c.yaml": "c"})
    (tmp_path / "kustomization.yaml").write_text("mine")
    (tmp_path / "wave-02" / "note").write_text("mine")
    write(tmp_path, {"wave-00/a.yaml": "new"})
    assert contents(tmp_path) == {"wave-00/a.yaml": "new", "kustomization.yaml": "mine", "wave-02/note": "mine"}
    assert not (tmp_path / "wave-01").exists()


def test_a_directory_of_somebody_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(LabError, match="was not made by this command"):
        write(tmp_path, {"a.yaml": "a"})
    assert contents(tmp_path) == {"thesis.txt": "mine"}


def test_a_file_of_somebody_else_is_not_written_over(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "a"})
    (tmp_path / "b.yaml").write_text("mine")
    with pytest.raises(LabError, match=r"b\.yaml is in the way"):
        write(tmp_path, {"a.yaml": "new", "b.yaml": "b"})
    assert contents(tmp_path) == {"a.yaml": "a", "b.yaml": "mine"}


def test_a_listing_that_leads_out_of_the_directory_deletes_nothing(tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.write_text("mine")
    out = tmp_path / "out"
    write(out, {"a.yaml": "a"})
    (out / LISTING).write_text("../precious\n")
    with pytest.raises(LabError, match=r"\.\./precious"):
        write(out, {"a.yaml": "a"})
    assert outside.exists()


def test_a_new_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b", {"x.yaml": "x"})
    assert contents(tmp_path) == {"a/b/x.yaml": "x"}
