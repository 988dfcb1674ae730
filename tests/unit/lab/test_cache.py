import os
from pathlib import Path

import pytest

from lab.cache import Cache, content_hash


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "a").write_text("1")
    return folder


def test_a_changed_file_changes_the_hash(tree: Path) -> None:
    before = content_hash(tree)
    (tree / "a").write_text("2")
    assert content_hash(tree) != before, "the stale build would be used for ever"


def test_a_renamed_file_changes_the_hash(tree: Path) -> None:
    before = content_hash(tree)
    (tree / "a").rename(tree / "b")
    assert content_hash(tree) != before


def test_bytecode_does_not_change_the_hash(tree: Path) -> None:
    before = content_hash(tree)
    (tree / "__pycache__").mkdir()
    (tree / "__pycache__" / "a.pyc").write_text("x")
    assert content_hash(tree) == before, "each run of a test would rebuild the image"


def test_parts_do_not_run_into_each_other() -> None:
    assert content_hash("ab", "c") != content_hash("a", "bc")


def test_an_entry_is_built_once(tmp_path: Path) -> None:
    cache, built = Cache(tmp_path), []
    for _ in range(2):
        entry = cache.ensure("tools", "k", lambda directory: built.append(directory))
    assert entry == tmp_path / "tools" / "k"
    assert len(built) == 1


def test_a_failed_build_leaves_no_entry(tmp_path: Path) -> None:
    def fail(directory: Path) -> None:
        (directory / "half").write_text("x")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        Cache(tmp_path).ensure("tools", "k", fail)
    assert not (tmp_path / "tools" / "k").exists(), "half a build would count as a whole one"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_pruning_keeps_what_is_in_use_and_the_newest_others(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for age, key in enumerate(["used", "new", "old", "older"]):
        cache.ensure("images", key, lambda directory: None)
        os.utime(cache.entry("images", key), (1000 - age, 1000 - age))
    cache.prune("images", ["used"], newest=1)
    assert {entry.name for entry in (tmp_path / "images").iterdir()} == {"used", "new"}


def test_pruning_what_was_never_built_is_fine(tmp_path: Path) -> None:
    Cache(tmp_path).prune("images", [], newest=1)
