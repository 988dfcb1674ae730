"""Dashboards as Grafana reads them, of as little as tells what is meant.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SCHEMA_VERSION = 39
"""Grafana 10.4's. Newer ones read it and change it on the way."""

COLUMNS = 24
PANEL_WIDTH = 8
PANEL_HEIGHT = 8

SOURCE = {"type": "prometheus", "uid": "${source}"}
"""Chosen above the dashboard, since nobody knows here what a cluster's Grafana calls its Prometheus."""


class Unit(StrEnum):
    """Grafana's names."""

    COUNT = "short"
    SECONDS = "s"
    BYTES = "bytes"
    PER_SECOND = "ops"
    SHARE = "percentunit"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Lines over time, by the title of each query; a title may name labels as ``{{queue}}``."""

    title: str
    unit: Unit
    queries: Mapping[str, str]
    description: str = ""

    def document(self, number: int) -> dict[str, Any]:
        """``number`` counts from 0, row by row."""
        per_row = COLUMNS // PANEL_WIDTH
        row, column = divmod(number, per_row)
        return {
            "id": number + 1,
            "type": "timeseries",
            "title": self.title,
            "description": self.description,
            "datasource": SOURCE,
            "gridPos": {"x": column * PANEL_WIDTH, "y": row * PANEL_HEIGHT, "w": PANEL_WIDTH, "h": PANEL_HEIGHT},
            "fieldConfig": {"defaults": {"unit": str(self.unit), "min": 0}, "overrides": []},
            "options": {"tooltip": {"mode": "multi", "sort": "desc"}, "legend": {"displayMode": "list"}},
            "targets": [
                {"refId": chr(ord("A") + index), "expr": expr, "legendFormat": title, "datasource": SOURCE}
                for index, (title, expr) in enumerate(self.queries.items())
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """``name`` is its address in Grafana as well."""

    name: str
    title: str
    panels: Sequence[Panel]

    def document(self) -> dict[str, Any]:
        return {
            "uid": f"eco2-{self.name}",
            "title": f"Eco² {self.title}",
            "tags": ["eco2"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": False,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "templating": {
                "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
            },
            "panels": [panel.document(number) for number, panel in enumerate(self.panels)],
        }

    def text(self) -> str:
        return json.dumps(self.document(), ensure_ascii=False, indent=1, sort_keys=True)

    def queries(self) -> Iterator[str]:
        for panel in self.panels:
            yield from panel.queries.values()


def quantiles(histogram: str, *, where: str = "", by: str | None = None) -> dict[str, str]:
    """Half and nearly all of a histogram's last five minutes; ``where`` are its labels, ``by`` tells lines apart."""
    labels, title = ("le", "") if by is None else (f"le, {by}", f"{{{{{by}}}}} ")
    rate = f"sum by ({labels}) (rate({histogram}_bucket{{{where}}}[5m]))"
    return {f"{title}p{share * 100:.0f}": f"histogram_quantile({share}, {rate})" for share in (0.5, 0.95)}
