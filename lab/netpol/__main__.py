"""Enforces NetworkPolicies on one node: ``python -m lab.netpol``, run in the node's network namespace.

Until the first list of everything has come, a node without rules blocks nothing. From then on it fails closed: rules
stay in the kernel when this program or the API server ends, and pods that are not known yet are cut off.
"""

import argparse
import ssl
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from lab.commands import CommandError, run
from lab.console import say
from lab.netpol.policies import Cluster
from lab.netpol.rules import ruleset
from lab.netpol.watch import Watcher
from lab.nodes import Node

PATHS = ("/api/v1/pods", "/api/v1/namespaces", "/apis/networking.k8s.io/v1/networkpolicies")

_LOAD_EVERY_SECONDS = 0.25
_RETRY_SECONDS = 1.0
_NFT_SECONDS = 30


class Enforcer:
    """Loads a node's rules whenever what they follow from has changed."""

    def __init__(self, node: Node, connect: Callable[[float], HTTPConnection]) -> None:
        self._node = node
        self._changed = threading.Event()
        self._watchers = [Watcher(path, connect, self._changed.set) for path in PATHS]
        self._loaded = ""

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

    def _load(self) -> None:
        rules = ruleset(self._node, Cluster.of(*(watcher.objects.values() for watcher in self._watchers)))
        if rules != self._loaded:
            run(["nft", "-f", "-"], stdin=rules, timeout_seconds=_NFT_SECONDS)
            self._loaded = rules


def health_page(ready: Callable[[], bool], port: int) -> ThreadingHTTPServer:
    """A server on this node alone that answers 200 to everything once it is ready, and 503 before."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(HTTPStatus.OK if ready() else HTTPStatus.SERVICE_UNAVAILABLE)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: it is asked many times."""

    return ThreadingHTTPServer(("127.0.0.1", port), Page)


def connector(server: str, authority: str, certificate: str, key: str) -> Callable[[float], HTTPConnection]:
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
    parser.add_argument("--health-port", required=True, type=int)
    given = parser.parse_args()
    enforcer = Enforcer(
        Node(name=given.node_name, index=given.node_index),
        connector(given.server, given.authority, given.certificate, given.key),
    )
    page = health_page(lambda: enforcer.ready, given.health_port)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    enforcer.run()


if __name__ == "__main__":
    main()
