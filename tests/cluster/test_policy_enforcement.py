"""The lab enforces NetworkPolicies: pods of a namespace of this test's own, on both nodes, closed before they start."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.cluster.clients import Json, Shell, wait_for

SERVER = "server"
NODES = ("control", "data-0")
PORT, OTHER_PORT = 8080, 8081
API = "10.96.0.1:443"
API_SERVER = {"ipBlock": {"cidr": "10.89.0.10/32"}}
EFFECT_SECONDS = 2.0

SERVE = f"python -m http.server {OTHER_PORT} --directory /tmp & exec python -m http.server {PORT} --directory /tmp"
CONNECT = """
import socket, sys

for target in sys.argv[1:]:
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        print("connected")
    except socket.gaierror:
        print("no name")
    except OSError as error:
        print("refused" if isinstance(error, ConnectionRefusedError) else error)
"""
AWAIT = """
import socket, sys, time

wanted, host, port = sys.argv[1:]
while True:
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        seen = "connected"
    except ConnectionRefusedError:
        seen = "refused"
    if seen == wanted:
        print(time.time())
        break
    time.sleep(0.02)
"""

TO_DNS = {
    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}],
}
FRIENDS = {"podSelector": {"matchLabels": {"friend": "yes"}}}
TO_SERVER = {"to": [{"podSelector": {"matchLabels": {"app": SERVER}}}], "ports": [{"port": "http"}]}


@dataclass(frozen=True)
class Space:
    """The test's namespace."""

    shell: Shell
    name: str

    def apply(self, *objects: Json) -> None:
        named = [{**one, "metadata": {**one["metadata"], "namespace": self.name}} for one in objects]
        self.shell.kubectl(
            "apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": named})
        )

    @contextmanager
    def policies(self, *objects: Json) -> Iterator[None]:
        """These, beside the one that denies everything, within the block."""
        self.apply(*objects)
        try:
            yield
        finally:
            names = [one["metadata"]["name"] for one in objects]
            self.shell.kubectl("delete", "networkpolicy", f"--namespace={self.name}", "--ignore-not-found", *names)

    def run(self, pod: str, program: str, *arguments: str) -> list[str]:
        command = ("exec", f"--namespace={self.name}", pod, "--", "python", "-c", program, *arguments)
        return self.shell.kubectl(*command).split("\n")[:-1]

    def connect(self, pod: str, *targets: str) -> list[str]:
        """What becomes of a pod's connections, once the latest change has had its time."""
        time.sleep(1)
        return self.run(pod, CONNECT, *targets)

    def address(self, pod: str) -> str:
        return str(self.shell.get("pod", pod, f"--namespace={self.name}")["status"]["podIP"])


def pod(name: str, node: str, image: str, command: list[str], **labels: str) -> Json:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "command": command,
        "ports": [{"name": "http", "containerPort": PORT}] if name == SERVER else [],
    }
    if name == SERVER:
        container["readinessProbe"] = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name, **labels}},
        "spec": {
            # Past the scheduler, and so past the data node's taint.
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "containers": [container],
        },
    }


def service() -> Json:
    ports = [{"name": "web", "port": 80, "targetPort": "http"}]
    spec = {"selector": {"app": SERVER}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVER}, "spec": spec}


def policy(name: str, selector: Json, **rules: list[Json]) -> Json:
    spec = {"podSelector": selector, "policyTypes": [kind.capitalize() for kind in rules], **rules}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


DENY_ALL = policy("deny-all", {}, ingress=[], egress=[])
FRIENDS_GO_OUT = policy("friends", FRIENDS["podSelector"], egress=[TO_SERVER, TO_DNS])
SERVER_LETS_IN = policy(
    "server", {"matchLabels": {"app": SERVER}}, ingress=[{"from": [FRIENDS], "ports": [{"port": "http"}]}]
)


@pytest.fixture(scope="module")
def space(shell: Shell) -> Iterator[Space]:
    """A closed namespace with a server on the first node and, on each node, a friend and a stranger."""
    image = shell.pods("scan", "scan-api")[0]["spec"]["containers"][0]["image"]
    space = Space(shell, f"policy-{uuid.uuid4().hex[:8]}")
    shell.kubectl("create", "namespace", space.name)
    try:
        space.apply(DENY_ALL)
        clients = [
            pod(f"{kind}-{node}", node, image, ["sleep", "3600"], friend="yes" if kind == "friend" else "no")
            for node in NODES
            for kind in ("friend", "stranger")
        ]
        space.apply(pod(SERVER, NODES[0], image, ["sh", "-c", SERVE]), service(), *clients)
        shell.kubectl("wait", "--for=condition=Ready", "pod", "--all", f"--namespace={space.name}", "--timeout=60s")
        yield space
    finally:
        shell.kubectl("delete", "namespace", space.name, "--wait=false")


@pytest.fixture(params=NODES)
def node(request: pytest.FixtureRequest) -> str:
    """Where the client runs: on the server's node, or on another one."""
    return str(request.param)


def test_probes_reach_a_pod_that_nobody_else_may_reach(space: Space, node: str) -> None:
    """The server became Ready in a closed namespace, or this would not run at all."""
    assert space.connect(f"friend-{node}", f"{space.address(SERVER)}:{PORT}") == ["refused"]


def test_what_is_allowed_connects_by_address_by_service_and_by_name_and_nothing_else_does(
    space: Space, node: str
) -> None:
    address, service_address = space.address(SERVER), space.shell.cluster_ip(space.name, SERVER)
    targets = [f"{address}:{PORT}", f"{service_address}:80", f"{SERVER}:80", f"{address}:{OTHER_PORT}"]
    with space.policies(FRIENDS_GO_OUT, SERVER_LETS_IN):
        assert space.connect(f"friend-{node}", *targets) == ["connected", "connected", "connected", "refused"]
        assert space.connect(f"stranger-{node}", *targets) == ["refused", "refused", "no name", "refused"]


@pytest.mark.parametrize("half", [FRIENDS_GO_OUT, SERVER_LETS_IN], ids=["egress", "ingress"])
def test_one_side_alone_cannot_open_a_way(space: Space, node: str, half: Json) -> None:
    with space.policies(half):
        assert space.connect(f"friend-{node}", f"{space.address(SERVER)}:{PORT}") == ["refused"]


def test_the_kubernetes_api_is_egress_also_on_its_own_node(space: Space, node: str) -> None:
    out = policy("api", FRIENDS["podSelector"], egress=[{"to": [API_SERVER], "ports": [{"port": 6443}]}])
    with space.policies(out):
        assert space.connect(f"friend-{node}", API, "10.89.0.10:6443") == ["connected", "connected"]
        assert space.connect(f"stranger-{node}", API, "10.89.0.10:6443") == ["refused", "refused"]


def test_a_block_has_holes(space: Space, node: str) -> None:
    address = space.address(SERVER)
    friend = space.address(f"friend-{node}")
    block = {"cidr": "10.244.0.0/16", "except": [f"{friend}/32"]}
    both = [{"from": [{"ipBlock": block}]}]
    everyone_goes_out = policy("out", {}, egress=[{}])
    with space.policies(everyone_goes_out, policy("block", {"matchLabels": {"app": SERVER}}, ingress=both)):
        assert space.connect(f"friend-{node}", f"{address}:{PORT}") == ["refused"]
        assert space.connect(f"stranger-{node}", f"{address}:{PORT}") == ["connected"]


def test_a_change_takes_effect_soon(space: Space, node: str) -> None:
    address = space.address(SERVER)

    def effect(wanted: str, changed: float) -> float:
        (seen,) = space.run(f"friend-{node}", AWAIT, wanted, address, str(PORT))
        return float(seen) - changed

    with space.policies(FRIENDS_GO_OUT, SERVER_LETS_IN):
        opened = effect("connected", time.time())
    closed = effect("refused", time.time())
    assert max(opened, closed) < EFFECT_SECONDS, f"{opened:.2f} s to open, {closed:.2f} s to close"


def test_a_pod_that_has_just_started_is_closed_and_then_gets_through_by_itself(space: Space, node: str) -> None:
    """Its first packet may be older than the enforcer's knowledge of it."""
    image = space.shell.get("pod", SERVER, f"--namespace={space.name}")["spec"]["containers"][0]["image"]
    connect = ["python", "-c", CONNECT.replace("timeout=2", "timeout=10"), f"{space.address(SERVER)}:{PORT}"]
    new = pod(f"new-{node}", node, image, connect, friend="yes")
    new["spec"]["restartPolicy"] = "Never"
    with space.policies(FRIENDS_GO_OUT, SERVER_LETS_IN):
        space.apply(new)
        wait_for(
            "its end",
            lambda: (
                space.shell.get("pod", f"new-{node}", f"--namespace={space.name}")["status"]["phase"] == "Succeeded"
            ),
        )
    assert space.shell.kubectl("logs", f"new-{node}", f"--namespace={space.name}").strip() == "connected"
