"""Where the lab's dev stack sends its traces while it is tested: a collector that is there when a test wants it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.cluster.clients import Json

_HOST = "10.89.0.1"
"""This machine's own address on the lab's bridge: for pods it is outside of the cluster."""
_PORT = 4318

SETTINGS = {"otlpEndpoint": f"http://{_HOST}:{_PORT}", "otlpCidrs": f"{_HOST}/32"}
"""By which a stack sends its traces there."""


class Collector:
    """Takes OTLP's JSON while the block runs, and keeps the spans with the service that each is of."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        taken = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                taken.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer((_HOST, _PORT), Handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def spans(self) -> list[Json]:
        return [span for body in list(self.bodies) for span in _spans(json.loads(body))]

    def of_trace(self, trace_id: str) -> list[Json]:
        """In the order of their beginnings."""
        own = [span for span in self.spans if span["traceId"] == trace_id]
        return sorted(own, key=lambda span: int(span["startTimeUnixNano"]))

    def linked_to(self, trace_id: str, span_id: str) -> list[Json]:
        meant = (trace_id, span_id)
        return [span for span in self.spans if meant in {(one["traceId"], one["spanId"]) for one in span["links"]}]


def _spans(document: Json) -> Iterator[Json]:
    for of_resource in document["resourceSpans"]:
        service = attributes(of_resource["resource"])["service.name"]
        for of_scope in of_resource["scopeSpans"]:
            yield from ({**span, "service": service} for span in of_scope["spans"])


def attributes(told: Json) -> dict[str, Any]:
    return {entry["key"]: next(iter(entry["value"].values())) for entry in told["attributes"]}
