"""A client for the lab's Prometheus."""

from dataclasses import dataclass

import httpx

from tests.cluster.clients import Json


@dataclass(frozen=True)
class Prometheus:
    http: httpx.Client

    def get(self, path: str, **parameters: str) -> Json:
        answer = self.http.get(f"/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()["data"]
        return found

    def values(self, query: str) -> list[float]:
        """What an instant query answers, one value for each series."""
        return [float(item["value"][1]) for item in self.get("query", query=query)["result"]]

    def targets(self) -> list[Json]:
        active: list[Json] = self.get("targets", state="active")["activeTargets"]
        return active

    def rules(self) -> list[Json]:
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {one["labels"]["alertname"] for one in self.get("alerts")["alerts"] if one["state"] == "firing"}
