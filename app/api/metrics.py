"""What the API counts."""

import time

from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter("http_requests_total", "Requests, by route and status of the answer.", ["route", "status"])
SECONDS = Histogram(
    "http_request_seconds",
    "Time from a request's head to its answer's head.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
ACCEPTED = Counter("scans_accepted_total", "Scans that were answered 202, repeated requests not counted.")
OUTBOX_ENTRIES = Gauge("scan_outbox_entries", "Scans that were accepted and wait for the broker.")
OUTBOX_OLDEST_SECONDS = Gauge("scan_outbox_oldest_seconds", "For how long the oldest of them has been waiting.")
DEAD_LETTERS = Counter("scan_dead_letters_total", "Dead letters of scans, by what became of their scan.", ["scan"])
STREAMS = Gauge("scan_event_streams", "Event streams that are open.")

UNKNOWN_ROUTE = "other"

POST_ROUTE = "/classify/async"
for _status in (202, 500, 503):
    # A series that begins with its first event hides that one: nothing has increased.
    REQUESTS.labels(POST_ROUTE, _status)
SECONDS.labels(POST_ROUTE)


class CountedRequests:
    """Middleware: counts requests and times them until their answer begins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.monotonic()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
                REQUESTS.labels(route, message["status"]).inc()
                SECONDS.labels(route).observe(time.monotonic() - start)
            await send(message)

        await self._app(scope, receive, send_counted)
