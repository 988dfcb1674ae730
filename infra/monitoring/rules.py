"""Rules as a PrometheusRule has them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    CRITICAL = "critical"
    """Users notice, or will within minutes: somebody is woken."""
    WARNING = "warning"
    """Somebody looks within the day."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A series that is computed once, for all who ask for it."""

    name: str
    expr: str

    def document(self, runbooks: str) -> dict[str, Any]:
        return {"record": self.name, "expr": self.expr}


@dataclass(frozen=True, kw_only=True)
class Alert(Rule):
    """Fires when ``expr`` has had a result for ``lasting``, a duration of Prometheus."""

    lasting: str
    severity: Severity
    summary: str
    description: str

    def document(self, runbooks: str) -> dict[str, Any]:
        """``runbooks`` is the page with a section for each alert."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasting,
            "labels": {"severity": str(self.severity)},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{runbooks}#{self.name.lower()}",
            },
        }
