"""Why a workload does not get ready: the reasons that its pods, their containers and their events give."""

from dataclasses import dataclass

from lab.pulumi.kubernetes.client import ApiError, Unreachable
from lab.pulumi.kubernetes.cluster import Cluster
from lab.pulumi.kubernetes.discovery import KindMissing
from lab.pulumi.kubernetes.objects import (
    Kind,
    Object,
    annotation,
    condition,
    dig,
    identifier,
    items,
    kind_of,
    name_of,
    namespace_of,
    number,
    owned_by,
    text,
)

POD = Kind("", "v1", "Pod")
EVENT = Kind("", "v1", "Event")
REPLICA_SET = Kind("apps", "v1", "ReplicaSet")
WORKLOADS = (Kind("apps", "v1", "StatefulSet"), Kind("apps", "v1", "Deployment"), Kind("batch", "v1", "Job"))
REVISION = "deployment.kubernetes.io/revision"

LOG_LINES = 10
REASONS_SHOWN = 5
STARTING = ("ContainerCreating", "PodInitializing")
TELLING_EVENTS = (
    "Failed",
    "FailedAttachVolume",
    "FailedCreate",
    "FailedCreatePodSandBox",
    "FailedMount",
    "ProvisioningFailed",
    "Unhealthy",
)


@dataclass(frozen=True)
class Reasons:
    """Looks for reasons. With ``logs`` it shows the last lines of containers that crashed."""

    cluster: Cluster
    logs: bool = False

    def of(self, obj: Object) -> list[str]:
        """What stands in the object's way, the same words once, most telling first. Never fails."""
        try:
            found = self._of(obj)
        except (ApiError, KindMissing, Unreachable) as error:
            return [f"its Pods could not be looked at: {error}"]
        return list(dict.fromkeys(found))[:REASONS_SHOWN]

    def _of(self, obj: Object) -> list[str]:
        kind = kind_of(obj)
        if kind == POD:
            return self._of_pod(obj)
        if kind.name == "Deployment":
            return self._of_deployment(obj)
        if kind.name in ("StatefulSet", "DaemonSet", "Job", "ReplicaSet"):
            return self._of_pods(obj) + self._events(obj)
        if kind.built_in:
            return self._events(obj)
        owned = [own for kind in WORKLOADS for own in self._owned(kind, obj)]
        return [reason for own in owned if not _is_ready(own) for reason in self._of(own)] + self._events(obj)

    def _of_deployment(self, obj: Object) -> list[str]:
        revision = annotation(obj, REVISION)
        current = [own for own in self._owned(REPLICA_SET, obj) if annotation(own, REVISION) == revision]
        return [reason for own in current for reason in self._of(own)] + self._events(obj)

    def _of_pods(self, owner: Object) -> list[str]:
        return [reason for pod in self._owned(POD, owner) for reason in self._of_pod(pod)]

    def _owned(self, kind: Kind, owner: Object) -> list[Object]:
        labels = dig(owner, "spec", "selector", "matchLabels")
        query = {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())} if labels else {}
        return [obj for obj in self.cluster.list(kind, namespace_of(owner), **query) if owned_by(obj, owner)]

    def _of_pod(self, pod: Object) -> list[str]:
        ready = condition(pod, "Ready")
        if text(pod, "status", "phase") == "Succeeded" or (ready and text(ready, "status") == "True"):
            return []
        scheduled = condition(pod, "PodScheduled")
        if scheduled and text(scheduled, "status") == "False":
            return [
                f"pod {identifier(pod)} is not scheduled: {text(scheduled, 'reason')}: {text(scheduled, 'message')}"
            ]
        reasons = [reason for status in _container_statuses(pod) for reason in self._of_container(pod, status)]
        if text(pod, "status", "phase") == "Failed" and text(pod, "status", "message"):
            reasons.append(f"pod {identifier(pod)} failed: {text(pod, 'status', 'message')}")
        return reasons or self._events(pod)

    def _of_container(self, pod: Object, status: Object) -> list[str]:
        who = f"pod {identifier(pod)}, container {text(status, 'name')}"
        waiting = dig(status, "state", "waiting") or {}
        ended = dig(status, "state", "terminated") or dig(status, "lastState", "terminated")
        if ended and number(ended, "exitCode") and not dig(status, "ready"):
            return [self._crash(pod, status, ended, who)]
        if waiting and text(waiting, "reason") not in STARTING:
            return [f"{who}: " + ": ".join(filter(None, (text(waiting, "reason"), text(waiting, "message"))))]
        return []

    def _crash(self, pod: Object, status: Object, ended: Object, who: str) -> str:
        why = f"{text(ended, 'reason') or 'Error'}, exit code {number(ended, 'exitCode')}"
        restarts = number(status, "restartCount")
        said = f"{who} crashed ({why}, restarted {restarts} times)"
        lines = self._last_lines(pod, status) if self.logs else text(ended, "message").splitlines()[-LOG_LINES:]
        return said + "".join(f"\n      | {line}" for line in lines)

    def _last_lines(self, pod: Object, status: Object) -> list[str]:
        previous = not dig(status, "state", "terminated")
        try:
            log = self.cluster.log(pod, text(status, "name"), lines=LOG_LINES, previous=previous)
        except (ApiError, Unreachable) as error:
            return [f"(its log cannot be read: {error})"]
        return log.splitlines() or ["(it printed nothing)"]

    def _events(self, obj: Object) -> list[str]:
        """The newest telling warning about an object."""
        selector = f"involvedObject.uid={text(obj, 'metadata', 'uid')},type=Warning"
        events = self.cluster.list(EVENT, namespace_of(obj), fieldSelector=selector)
        telling = [event for event in events if text(event, "reason") in TELLING_EVENTS]
        newest = sorted(telling, key=lambda event: text(event, "lastTimestamp") or text(event, "eventTime"))[-1:]
        who = f"{text(obj, 'kind').lower()} {identifier(obj)}" if name_of(obj) else "it"
        return [f"{who}: {text(event, 'reason')}: {text(event, 'message')}" for event in newest]


def _container_statuses(pod: Object) -> list[Object]:
    return items(pod, "status", "initContainerStatuses") + items(pod, "status", "containerStatuses")


def _is_ready(workload: Object) -> bool:
    wanted = dig(workload, "spec", "replicas")
    return isinstance(wanted, int) and number(workload, "status", "readyReplicas") >= wanted
