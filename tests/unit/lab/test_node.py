from pathlib import Path

from lab.node import NodeSpec, State, Status
from lab.process import Process, RunningProcess

SPEC = NodeSpec(
    name="control",
    namespace="eco2-n0",
    processes=(Process(name="etcd", command=("etcd", "--x"), needs=("http://a",), ready="http://b"),),
    private_directories={"/run/containerd": "/run/eco2-lab/nodes/control/run"},
    search_path="/tools",
    authority=Path("/pki/ca.crt"),
    log=Path("/log"),
    status=Path("/status"),
)


def test_a_spec_comes_back_as_it_was_written(tmp_path: Path) -> None:
    SPEC.write(tmp_path / "spec.json")
    assert NodeSpec.read(tmp_path / "spec.json") == SPEC


def test_a_node_that_said_nothing_yet_is_starting(tmp_path: Path) -> None:
    assert Status.read(tmp_path / "missing").state is State.STARTING


def test_a_status_comes_back_as_it_was_written(tmp_path: Path) -> None:
    status = Status(State.FAILED, "etcd exited")
    status.write(tmp_path / "status.json")
    assert Status.read(tmp_path / "status.json") == status


def running(tmp_path: Path) -> RunningProcess:
    log = tmp_path / "etcd.log"
    log.write_text("first line\nbind: address already in use\n")
    return RunningProcess(SPEC.processes[0], log, Path("/pki/ca.crt"))


def test_an_exit_is_told_with_its_code_and_the_logs_end(tmp_path: Path) -> None:
    error = str(running(tmp_path).ended(1 << 8))
    assert error.startswith("etcd exited with code 1:")
    assert "address already in use" in error


def test_a_killed_program_is_told_as_killed(tmp_path: Path) -> None:
    assert str(running(tmp_path).ended(9)).startswith("etcd was ended by signal 9:")


def test_a_late_program_is_told_with_what_was_awaited(tmp_path: Path) -> None:
    error = str(running(tmp_path).late(90))
    assert error.startswith("etcd is not started after 90 s; awaited http://a, last seen: nothing yet")
