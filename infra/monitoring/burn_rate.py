"""The promise that 99.9 % of POST /classify/async are answered without an error of ours, and alerts on breaking it.

Multi-window, multi-burn-rate: how fast the 30 days' budget of errors goes, over a long window so that a moment's errors
are no alarm, and over a short one so that the alarm ends with the errors
(https://sre.google/workbook/alerting-on-slos/, table 5-8).
"""

from dataclasses import dataclass

from infra.monitoring.queries import POST
from infra.monitoring.rules import Alert, Rule, Severity

BUDGET = 0.001
ERRORS = f'http_requests_total{{{POST},status=~"5.."}}'
REQUESTS = f"http_requests_total{{{POST}}}"


@dataclass(frozen=True, kw_only=True)
class Burn:
    """So many times the rate that would just use the budget up in 30 days, in both windows."""

    times: float
    long: str
    short: str

    @property
    def expr(self) -> str:
        limit = round(self.times * BUDGET, 6)
        return f"({ratio(self.long)} > {limit} and {ratio(self.short)} > {limit})"


FAST = (Burn(times=14.4, long="1h", short="5m"), Burn(times=6, long="6h", short="30m"))
"""2 % of the budget in an hour, 5 % in six."""
SLOW = (Burn(times=3, long="1d", short="2h"), Burn(times=1, long="3d", short="6h"))
"""10 % of the budget in a day, or in three."""
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def ratio(window: str) -> str:
    """The name of the series: share of POSTs that were answered with an error of ours."""
    return f"eco2:post_errors:ratio_rate{window}"


def records() -> list[Rule]:
    # Without any error yet there is no series of errors: then the share is 0, as long as there are requests.
    return [
        Rule(
            name=ratio(window),
            expr=f"(sum(rate({ERRORS}[{window}])) or vector(0)) / (sum(rate({REQUESTS}[{window}])) > 0)",
        )
        for window in WINDOWS
    ]


def alerts() -> list[Alert]:
    return [
        Alert(
            name="PostErrorsFast",
            expr=" or ".join(burn.expr for burn in FAST),
            lasting="0s",
            severity=Severity.CRITICAL,
            summary="{{ $value | humanizePercentage }} of the POSTs fail",
            description="At this rate the month's budget of errors is gone within days.",
        ),
        Alert(
            name="PostErrorsSlow",
            expr=" or ".join(burn.expr for burn in SLOW),
            lasting="0s",
            severity=Severity.WARNING,
            summary="{{ $value | humanizePercentage }} of the POSTs fail",
            description="At this rate the promise of 99.9 % is broken by the end of the month.",
        ),
    ]
