"""The little that the lab asks of its own API server, by kubectl."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.commands import run

_REQUEST_SECONDS = 30


@dataclass(frozen=True)
class Kubectl:
    """kubectl as the cluster's administrator."""

    program: Path
    kubeconfig: Path

    def apply(self, manifests: str) -> None:
        """Server-side apply."""
        arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager=eco2-lab", "--filename=-"]
        run([*self._command, *arguments], stdin=manifests)

    def objects(self, *kinds: str) -> list[dict[str, Any]]:
        """All objects of some kinds, in all namespaces."""
        answer = run([*self._command, "get", ",".join(kinds), "--all-namespaces", "--output=json"])
        items: list[dict[str, Any]] = json.loads(answer)["items"]
        return items

    @property
    def _command(self) -> list[str]:
        return [str(self.program), f"--kubeconfig={self.kubeconfig}", f"--request-timeout={_REQUEST_SECONDS}s"]


def unready(objects: Iterable[Mapping[str, Any]], nodes: Iterable[str]) -> list[str]:
    """What is still missing for a usable cluster, one line each.

    ``objects`` are Nodes, Deployments and Pods; every one of ``nodes`` must be Ready, every Deployment complete.
    """
    by_kind: dict[str, list[Mapping[str, Any]]] = {"Node": [], "Deployment": [], "Pod": []}
    for one in objects:
        by_kind[one["kind"]].append(one)
    ready = {node["metadata"]["name"]: _condition(node, "Ready") for node in by_kind["Node"]}
    reasons = {name: ready.get(name, "not registered yet") for name in nodes}
    lines = [f"node {name} is not Ready: {reason}" for name, reason in reasons.items() if reason]
    for deployment in by_kind["Deployment"]:
        wanted, status = deployment["spec"]["replicas"], deployment["status"]
        current = status.get("observedGeneration") == deployment["metadata"]["generation"]
        if not current or min(status.get("updatedReplicas", 0), status.get("availableReplicas", 0)) < wanted:
            namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
            pods = [_waiting(pod) for pod in by_kind["Pod"] if _belongs(pod, namespace, name)]
            lines.append(f"{namespace}/{name} is not available: {', '.join(filter(None, pods)) or 'no pod yet'}")
    return lines


def _condition(one: Mapping[str, Any], kind: str) -> str:
    """Why a condition is not true, or "" when it is."""
    for condition in one["status"].get("conditions", []):
        if condition["type"] == kind:
            return "" if condition["status"] == "True" else str(condition.get("message", condition["status"]))
    return "no such condition yet"


def _belongs(pod: Mapping[str, Any], namespace: str, deployment: str) -> bool:
    return bool(pod["metadata"]["namespace"] == namespace and pod["metadata"]["name"].startswith(f"{deployment}-"))


def _waiting(pod: Mapping[str, Any]) -> str:
    """A pod's own reason for not being ready."""
    for container in pod["status"].get("containerStatuses", []):
        if waiting := container["state"].get("waiting"):
            return f"{waiting['reason']} {waiting.get('message', '')}".strip()
    return _condition(pod, "PodScheduled") or str(pod["status"]["phase"])
