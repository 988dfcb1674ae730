"""Enforces NetworkPolicies on one node: ``python -m lab.netpol``, run in the node's network namespace.

Until the first list of everything has come, a node without rules blocks nothing. From then on it fails closed: rules
stay in the kernel when this program or the API server ends, and pods that are not known yet are cut off.
"""

import argparse
import ssl
import threading
import time
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from lab.commands import CommandError, run
from lab.console import say
from lab.netpol.policies import ADDRESS, Cluster
from lab.netpol.rules import ruleset
from lab.netpol.watch import Connect, Refused, Watcher, patch
from lab.nodes import Node

PATHS = ("/api/v1/pods", "/api/v1/namespaces", "/apis/networking.k8s.io/v1/networkpolicies")

_LOAD_EVERY_SECONDS = 0.25
_RETRY_SECONDS = 1.0
_NFT_SECONDS = 30
_ADMIT_SECONDS = 3.0
_LOOK_SECONDS = 0.01


class Enforcer:
    """Loads a node's rules whenever what they follow from has changed."""

    def __init__(self, node: Node, connect: Connect) -> None:
        self._node, self._connect = node, connect
        self._changed = threading.Event()
        self._watchers = [Watcher(path, connect, self._changed.set) for path in PATHS]
        self._loaded, self._known = "", frozenset[str]()

    @property
    def ready(self) -> bool:
        """Whether rules have been loaded."""
        return bool(self._loaded)

    def run(self) -> None:
        """Enforce for ever."""
        for watcher in self._watchers:
            watcher.start()
        while True:
            self._changed.wait()
            self._changed.clear()
            if not all(watcher.listed for watcher in self._watchers):
                continue
            try:
                self._load()
                time.sleep(_LOAD_EVERY_SECONDS)
            except CommandError as error:
                say(f"the rules could not be loaded, the former ones stay for now: {error}")
                time.sleep(_RETRY_SECONDS)
                self._changed.set()

    def admit(self, namespace: str, name: str, uid: str, address: str) -> bool:
        """Say a new pod's address to all nodes; whether the rules of this one have it by now."""
        metadata = {"uid": uid, "annotations": {ADDRESS: address}}
        try:
            patch(self._connect, f"/api/v1/namespaces/{namespace}/pods/{name}", {"metadata": metadata})
        except (Refused, OSError, HTTPException) as error:
            say(f"{namespace}/{name}: its address could not be said early: {error}")
            return False
        deadline = time.monotonic() + _ADMIT_SECONDS
        while f"{uid} {address}" not in self._known and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return f"{uid} {address}" in self._known

    def _load(self) -> None:
        cluster = Cluster.of(*(watcher.objects.values() for watcher in self._watchers))
        rules = ruleset(self._node, cluster)
        if rules != self._loaded:
            run(["nft", "-f", "-"], stdin=rules, timeout_seconds=_NFT_SECONDS)
            self._loaded = rules
        self._known = frozenset(f"{pod.uid} {pod.address}" for pod in cluster.pods)


def page(enforcer: Enforcer, port: int) -> ThreadingHTTPServer:
    """The enforcer's server, on this node alone.

    GET answers 200 once it is ready, and 503 before. POST of a new pod (``/pods/NAMESPACE/NAME/UID/ADDRESS``) answers
    200 when the pod is under the rules, and 503 when that could not be had in time.
    """

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(enforcer.ready)

        def do_POST(self) -> None:
            namespace, name, uid, address = self.path.split("/")[2:]
            self._answer(enforcer.admit(namespace, name, uid, address))

        def _answer(self, good: bool) -> None:
            self.send_response(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: it is asked many times."""

    return ThreadingHTTPServer(("127.0.0.1", port), Page)


def connector(server: str, authority: str, certificate: str, key: str) -> Connect:
    """Makes connections to the API server, in whose eyes this is the client that the certificate names."""
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(certificate, key)
    address = urlsplit(server).netloc
    return lambda seconds: HTTPSConnection(address, timeout=seconds, context=context)


def main() -> None:
    """Be the enforcer of one node. Never returns."""
    parser = argparse.ArgumentParser(prog="python -m lab.netpol")
    parser.add_argument("--node-name", required=True)
    parser.add_argument("--node-index", required=True, type=int, help="its place in the table of nodes")
    parser.add_argument("--server", required=True, help="the API server's URL")
    for file in ("authority", "certificate", "key"):
        parser.add_argument(f"--{file}", required=True, metavar="FILE")
    parser.add_argument("--port", required=True, type=int, help="where it listens, on this node alone")
    given = parser.parse_args()
    enforcer = Enforcer(
        Node(name=given.node_name, index=given.node_index),
        connector(given.server, given.authority, given.certificate, given.key),
    )
    threading.Thread(target=page(enforcer, given.port).serve_forever, daemon=True).start()
    enforcer.run()


if __name__ == "__main__":
    main()
