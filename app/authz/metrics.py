"""What the authorisation service counts."""

from prometheus_client import Counter, Gauge, Histogram

CHECKS = Counter("authz_checks_total", "Requests that were checked, by what was answered.", ["answer"])
SECONDS = Histogram(
    "authz_check_seconds",
    "Time that a check took.",
    buckets=(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25),
)
BLOCKED = Gauge("authz_blocked_tokens", "Tokens in this process' block list.")
STALE_SECONDS = Gauge(
    "authz_blocklist_stale_seconds", "For how long changes of the list have not reached this process."
)
