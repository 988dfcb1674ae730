"""Who can connect to whom in the lab: tried from within each pod's own network namespace."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.clients import Json
from tests.cluster.processes import in_control_group

TIMEOUT_SECONDS = 3
_TRY_ALL = f"""
import asyncio, json, sys

async def connects(address, port):
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), {TIMEOUT_SECONDS})
    except OSError:
        return False
    writer.close()
    return True

async def main():
    print(json.dumps(await asyncio.gather(*(connects(*target) for target in json.load(sys.stdin)))))

asyncio.run(main())
"""
_ASK_DNS = f"""
import socket, struct, sys
name, server = sys.argv[1:]
labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
question = labels + b"\\0" + struct.pack(">HH", 1, 1)
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout({TIMEOUT_SECONDS})
asking.sendto(struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question, (server, 53))
print(socket.inet_ntoa(asking.recv(512)[-4:]))
"""


@dataclass(frozen=True)
class Pod:
    """A running pod: ``kind`` is its namespace and what it is there, ``pid`` one of its processes."""

    kind: str
    name: str
    address: str
    pid: int

    def reaches(self, targets: Iterable[tuple[str, int]]) -> list[bool]:
        """For each address and TCP port whether a connection opens from this pod."""
        done = self._inside(_TRY_ALL, stdin=json.dumps(list(targets)))
        found: list[bool] = json.loads(done)
        return found

    def resolves(self, name: str, server: str) -> str:
        """The address that the DNS server tells this pod by UDP. Raises AssertionError when it gets no answer."""
        return self._inside(_ASK_DNS, name, server).strip()

    def listens_on(self) -> set[int]:
        """TCP ports that others could connect to."""
        return {port for table in ("tcp", "tcp6") for port in _listening(Path(f"/proc/{self.pid}/net/{table}"))}

    def _inside(self, script: str, *arguments: str, stdin: str = "") -> str:
        command = ["nsenter", f"--target={self.pid}", "--net", sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{self.name}: {done.stderr}"
        return done.stdout


LISTEN = "0A"
LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


def _listening(table: Path) -> Iterator[int]:
    """/proc/net/tcp: the local address is the second field, the state the fourth."""
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        address, _, port = fields[1].partition(":")
        if fields[3] == LISTEN and address not in LOOPBACK:
            yield int(port, 16)


def running_pods(items: Iterable[Json]) -> list[Pod]:
    """Of a list of pods those that run and are not on their way out."""
    return [
        Pod(
            kind=kind_of(item["metadata"]),
            name=item["metadata"]["name"],
            address=item["status"]["podIP"],
            pid=in_control_group(item["metadata"]["uid"])[0],
        )
        for item in items
        if item["status"]["phase"] == "Running" and "deletionTimestamp" not in item["metadata"]
    ]


NAMED = ("rabbitmq-system", "monitoring")


def kind_of(metadata: Json) -> str:
    """``namespace/component``; operators call themselves the same component, so they go by their names."""
    labels = metadata["labels"]
    part = "name" if metadata["namespace"] in NAMED else "component"
    own = labels.get(f"app.kubernetes.io/{part}") or labels.get("k8s-app") or labels["app"]
    return f"{metadata['namespace']}/{own}"


Row = tuple[str, str, int]
"""A client's kind, a server's kind, and a port of the server."""


def walk(pods: list[Pod]) -> dict[Row, set[bool]]:
    """Every pair of pods and every port on which the second one listens: whether the first one got through."""
    targets = [(server, port) for server in pods for port in sorted(server.listens_on())]
    found: dict[Row, set[bool]] = {}
    with ThreadPoolExecutor(4) as pool:
        all_results = pool.map(lambda client: client.reaches((server.address, port) for server, port in targets), pods)
        for client, results in zip(pods, all_results, strict=True):
            for (server, port), connected in zip(targets, results, strict=True):
                if server is not client:  # what a pod says to itself never leaves it
                    found.setdefault((client.kind, server.kind, port), set()).add(connected)
    return found


def wrong(found: dict[Row, set[bool]], allowed: set[Row]) -> list[str]:
    """The rows that are not as they should be, in words."""
    return [
        f"{client} {'is refused by' if row in allowed else 'gets through to'} {server} at {port}"
        for row, results in sorted(found.items())
        for client, server, port in [row]
        if results != {row in allowed}
    ]
