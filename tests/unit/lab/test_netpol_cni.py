"""What the container runtime says of a new pod, and what the enforcer is told."""

import io
import json
import socket
import threading
from typing import Any

import pytest

from lab.netpol import cni
from lab.node_agents import pod_network
from lab.nodes import nodes_of

ARGUMENTS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;K8S_POD_INFRA_CONTAINER_ID=5;K8S_POD_UID=u-1"
RESULT = {"cniVersion": "1.0.0", "ips": [{"address": "10.244.0.7/24", "gateway": "10.244.0.1"}]}


def call(monkeypatch: pytest.MonkeyPatch, command: str, configuration: Any) -> None:
    monkeypatch.setenv("CNI_COMMAND", command)
    monkeypatch.setenv("CNI_ARGS", ARGUMENTS)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(configuration)))
    cni.main()


def test_a_new_pod_is_announced_and_its_network_handed_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[bytes] = []

    def enforcer() -> None:
        client, _ = server.accept()
        with client:
            told.append(client.recv(1000))
            client.sendall(b"HTTP/1.0 200 OK\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=enforcer)
        thread.start()
        call(monkeypatch, "ADD", {cni.PORT_KEY: server.getsockname()[1], "prevResult": RESULT})
        thread.join()
    assert told == [b"POST /pods/shop/web-1/u-1/10.244.0.7 HTTP/1.0\r\n\r\n"]
    assert json.loads(capsys.readouterr().out) == RESULT


def test_a_pod_starts_also_while_the_enforcer_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    call(monkeypatch, "ADD", {cni.PORT_KEY: port, "prevResult": RESULT})
    said = capsys.readouterr()
    assert json.loads(said.out) == RESULT
    assert "refused" in said.err


def test_an_end_needs_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    call(monkeypatch, "DEL", {})
    assert capsys.readouterr().out == ""


def test_the_rules_come_last_and_are_told_where_the_enforcer_is() -> None:
    *_, last = pod_network(nodes_of("dev")[0])["plugins"]  # type: ignore[misc, attr-defined]
    assert last == {"type": "eco2-netpol", cni.PORT_KEY: 10300}
