import os
from pathlib import Path

import pytest

from lab import records
from lab.records import Identity, Record, parse_stat

STAT = "4711 (odd) name (x)) S 1 4711 4711 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0 18446744073709551615\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(records, "RUN", tmp_path / "run")
    return tmp_path / "run"


def test_a_program_name_with_brackets_does_not_confuse_the_identity() -> None:
    assert parse_stat(STAT) == (Identity(4711, 987654), "S")


@pytest.mark.parametrize("text", ["", "4711 (kubelet", "4711 (kubelet) S 1 2"])
def test_a_half_written_record_is_no_identity(text: str) -> None:
    with pytest.raises(ValueError, match="not a line"):
        parse_stat(text)


def test_the_own_process_is_alive_and_its_number_with_another_start_time_is_not() -> None:
    own = parse_stat(Path("/proc/self/stat").read_text())[0]
    assert own.pid == os.getpid()
    assert own.alive()
    assert not Identity(own.pid, own.started + 1).alive(), "a recycled number would be killed"


def test_a_process_that_wrote_nothing_yet_has_no_identity(tmp_path: Path) -> None:
    assert Identity.recorded(tmp_path / "missing") is None


def test_a_record_comes_back_as_it_was_saved(run: Path) -> None:
    record = Record(
        checkout="/somewhere",
        stack="dev",
        namespaces=("eco2-n0",),
        links=("eco2-br",),
        nodes=("control",),
        directories=("/var/lib/kubelet",),
        settings={"kernel/panic": "1"},
    )
    record.save()
    assert Record.load() == record


def test_without_a_lab_there_is_no_record(run: Path) -> None:
    assert Record.load() is None


def test_a_node_that_never_started_is_not_alive(run: Path) -> None:
    assert Record(checkout="/x", stack="dev", nodes=("control",)).node_processes() == {}


def test_only_a_completely_started_lab_has_content() -> None:
    record = Record(checkout="/x", stack="dev")
    assert not record.content, "a half-started lab would be taken for a running one"
    assert record.with_content("abc").content == "abc"
