"""The dashboards are what Grafana takes, and nothing that a runbook points at is missing."""

import json
import re
from typing import Any

import pytest

from infra.monitoring.dashboards.configmaps import ALL
from infra.monitoring.dashboards.panels import COLUMNS, Dashboard, quantiles
from tests.unit.conftest import Recording
from tests.unit.infra.test_alerts import RUNBOOKS


def documents(stack: Recording) -> list[dict[str, Any]]:
    maps = [made for made in stack.of_kind("ConfigMap") if made.metadata["labels"].get("grafana_dashboard") == "1"]
    assert all(made.metadata["namespace"] == "monitoring" for made in maps)
    return [json.loads(text) for made in maps for text in made.inputs["data"].values()]


def test_grafana_finds_three_dashboards_by_their_label(built: Recording) -> None:
    assert {one["title"] for one in documents(built)} == {"Eco² Pipeline", "Eco² Broker", "Eco² Dead letters"}
    assert len({one["uid"] for one in documents(built)}) == 3, "one would replace the other"


@pytest.mark.parametrize("dashboard", ALL, ids=lambda dashboard: dashboard.name)
def test_panels_lie_beside_each_other_and_have_each_a_number(dashboard: Dashboard) -> None:
    panels = dashboard.document()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    corners = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(corners) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= COLUMNS for panel in panels)


@pytest.mark.parametrize("dashboard", ALL, ids=lambda dashboard: dashboard.name)
def test_a_line_is_named_by_labels_that_it_has(dashboard: Dashboard) -> None:
    for panel in dashboard.panels:
        for title, query in panel.queries.items():
            for label in re.findall(r"{{(\w+)}}", title):
                kept = label in ("pod", "job") or label in query
                assert kept or "eco2:queue" in query, f"{panel.title}: every line of {query} would have the same name"


def test_a_quantile_is_taken_of_the_buckets() -> None:
    lines = quantiles("x_seconds", where='route="/"', by="task")
    assert set(lines) == {"{{task}} p50", "{{task}} p95"}
    assert lines["{{task}} p50"] == (
        'histogram_quantile(0.5, sum by (le, task) (rate(x_seconds_bucket{route="/"}[5m])))'
    )


def test_a_panel_that_a_runbook_points_at_is_there() -> None:
    titles = {panel.title for dashboard in ALL for panel in dashboard.panels}
    named = set(re.findall(r'panel "([^"]+)"', RUNBOOKS.read_text()))
    assert named
    assert named <= titles
