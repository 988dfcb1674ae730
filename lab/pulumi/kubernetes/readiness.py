"""When an object counts as ready, kind by kind, as the official provider sees it. Any other kind is ready at once."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.pulumi.kubernetes.client import ApiError
from lab.pulumi.kubernetes.cluster import Cluster
from lab.pulumi.kubernetes.discovery import KindMissing
from lab.pulumi.kubernetes.objects import (
    Kind,
    Object,
    condition,
    dig,
    items,
    kind_of,
    name_of,
    namespace_of,
    number,
    text,
)
from lab.pulumi.kubernetes.waiting import READY, Look, Seen

ENDPOINT_SLICE = Kind("discovery.k8s.io", "v1", "EndpointSlice")
STORAGE_CLASS = Kind("storage.k8s.io", "v1", "StorageClass")
SETTLED_SECONDS = 3.0
"""So long a Service without any endpoint, ready or not, is given to get some. The official provider takes 10 s."""


def look_for(obj: Object, cluster: Cluster) -> Look | None:
    """How to see whether this object is ready; None when it needs no waiting for."""
    kind = kind_of(obj)
    make = LOOKS.get((kind.group, kind.name))
    return make(cluster) if make else None


def refresh_look_for(obj: Object, cluster: Cluster) -> Look | None:
    """How a refresh, which does not wait, sees whether this object is ready; None when it does not care."""
    kind = kind_of(obj)
    if (kind.group, kind.name) == ("", "Service"):
        return ServiceLook(cluster, since=float("-inf"))
    return look_for(obj, cluster) if (kind.group, kind.name) in LOOKED_AT_BY_REFRESH else None


def _stale(obj: Object) -> bool:
    return number(obj, "status", "observedGeneration") < number(obj, "metadata", "generation")


def _replicas(obj: Object) -> int:
    wanted = dig(obj, "spec", "replicas")
    return wanted if isinstance(wanted, int) else 1


def deployment(obj: Object) -> Seen:
    if _stale(obj):
        return Seen(message="Waiting for the Deployment controller")
    progressing, wanted = condition(obj, "Progressing"), _replicas(obj)
    if progressing and text(progressing, "reason") == "ProgressDeadlineExceeded":
        return Seen(message=text(progressing, "message"), failed=True)
    updated, available = number(obj, "status", "updatedReplicas"), number(obj, "status", "availableReplicas")
    old = number(obj, "status", "replicas") - updated
    if updated >= wanted and available >= wanted and old <= 0:
        return READY
    count = min(updated, max(available - old, 0))
    return Seen(message=f"Waiting for the app's ReplicaSet ({count}/{wanted} Pods available)")


def stateful_set(obj: Object) -> Seen:
    if _stale(obj):
        return Seen(message="Waiting for the StatefulSet controller")
    wanted, ready = _replicas(obj), number(obj, "status", "readyReplicas")
    on_delete = text(obj, "spec", "updateStrategy", "type") == "OnDelete" and number(obj, "metadata", "generation") > 1
    present = number(obj, "status", "replicas") == wanted and ready == wanted
    if not present or (not on_delete and number(obj, "status", "currentReplicas") != wanted):
        return Seen(message=f"Waiting for the StatefulSet's Pods ({ready}/{wanted} Pods ready)")
    if not on_delete and text(obj, "status", "currentRevision") != text(obj, "status", "updateRevision"):
        return Seen(message="Waiting for the StatefulSet to update .status.currentRevision")
    return READY


def daemon_set(obj: Object) -> Seen:
    if _stale(obj):
        return Seen(message="Waiting for the DaemonSet controller")
    wanted = number(obj, "status", "desiredNumberScheduled")
    counts = ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady")
    least = min(number(obj, "status", count) for count in counts)
    return (
        READY
        if least >= wanted
        else Seen(message=f"Waiting for the DaemonSet's Pods ({least}/{wanted} Pods available)")
    )


def job(obj: Object) -> Seen:
    for kind in ("Complete", "Failed"):
        found = condition(obj, kind)
        if found and text(found, "status") == "True":
            if kind == "Complete":
                return READY
            return Seen(message=f"{text(found, 'reason')}: {text(found, 'message')}", failed=True)
    if not text(obj, "status", "startTime"):
        return Seen(message="Waiting for the Job to start")
    active, failed = number(obj, "status", "active"), number(obj, "status", "failed")
    succeeded = number(obj, "status", "succeeded")
    return Seen(message=f"Waiting for the Job to succeed (active {active}, succeeded {succeeded}, failed {failed})")


def pod(obj: Object) -> Seen:
    phase, ready = text(obj, "status", "phase"), condition(obj, "Ready")
    if phase == "Succeeded" or (ready and text(ready, "status") == "True"):
        return READY
    if phase == "Failed":
        return Seen(message=text(obj, "status", "message") or "the Pod failed", failed=True)
    return Seen(message="Waiting for the Pod to be ready")


def custom_resource_definition(obj: Object) -> Seen:
    accepted = condition(obj, "NamesAccepted")
    if accepted and text(accepted, "status") == "False":
        return Seen(message=text(accepted, "message"), failed=True)
    established = condition(obj, "Established")
    if established and text(established, "status") == "True":
        return READY
    return Seen(message="Waiting for the definition to be established")


def persistent_volume(obj: Object) -> Seen:
    phase = text(obj, "status", "phase")
    return READY if phase in ("Available", "Bound") else Seen(message=f"Waiting for the volume, it is {phase or 'new'}")


def resource_quota(obj: Object) -> Seen:
    settled = dig(obj, "status", "hard") == dig(obj, "spec", "hard")
    return READY if settled else Seen(message="Waiting for the quota to be in force")


def secret(obj: Object) -> Seen:
    if text(obj, "type") != "kubernetes.io/service-account-token" or obj.get("data"):
        return READY
    return Seen(message="Waiting for the service account's token")


@dataclass
class ClaimLook:
    """A claim is ready when bound; one whose class waits for the first consumer is ready as it is."""

    cluster: Cluster

    def __call__(self, obj: Object) -> Seen:
        phase = text(obj, "status", "phase")
        if phase == "Bound" or (phase == "Pending" and self._binds_late(obj)):
            return READY
        return Seen(message=f"Waiting for the claim to be bound, it is {phase or 'new'}")

    def _binds_late(self, obj: Object) -> bool:
        name = text(obj, "spec", "storageClassName")
        wanted = {"apiVersion": STORAGE_CLASS.api_version, "kind": STORAGE_CLASS.name, "metadata": {"name": name}}
        storage_class = self.cluster.find(wanted) if name else None
        return text(storage_class, "volumeBindingMode") == "WaitForFirstConsumer"


@dataclass
class ServiceLook:
    """A Service is ready when none of the Pods it selects is unready, and a LoadBalancer has its address.

    One that selects no Pod is ready too, after a moment in which some could have come.
    """

    cluster: Cluster
    since: float = field(default_factory=time.monotonic)

    def __call__(self, obj: Object) -> Seen:
        balanced = text(obj, "spec", "type") == "LoadBalancer"
        if balanced and not items(obj, "status", "loadBalancer", "ingress"):
            return Seen(message="Waiting for the load balancer's address")
        external = text(obj, "spec", "type") == "ExternalName" or text(obj, "spec", "clusterIP") == "None"
        if external or not dig(obj, "spec", "selector"):
            return READY
        ready, pending = self._endpoints(obj)
        if not pending and (ready or time.monotonic() - self.since >= SETTLED_SECONDS):
            return READY
        return Seen(message=f"Waiting for Pods to direct traffic to ({ready} ready, {pending} not ready)")

    def _endpoints(self, obj: Object) -> tuple[int, int]:
        try:
            selector = f"kubernetes.io/service-name={name_of(obj)}"
            slices = self.cluster.list(ENDPOINT_SLICE, namespace_of(obj), labelSelector=selector)
        except (ApiError, KindMissing):
            return 0, 0
        endpoints = [entry for one in slices for entry in items(one, "endpoints")]
        ready = sum(dig(entry, "conditions", "ready") is not False for entry in endpoints)
        leaving = sum(dig(entry, "conditions", "terminating") is True for entry in endpoints)
        return ready, max(len(endpoints) - ready - leaving, 0)


def ingress(obj: Object) -> Seen:
    addressed = items(obj, "status", "loadBalancer", "ingress")
    return READY if addressed else Seen(message="Waiting for the ingress' address")


def _always(look: Look) -> Callable[[Cluster], Look]:
    return lambda _cluster: look


LOOKS: dict[tuple[str, str], Callable[[Cluster], Look]] = {
    ("", "PersistentVolume"): _always(persistent_volume),
    ("", "PersistentVolumeClaim"): ClaimLook,
    ("", "Pod"): _always(pod),
    ("", "ResourceQuota"): _always(resource_quota),
    ("", "Secret"): _always(secret),
    ("", "Service"): ServiceLook,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _always(custom_resource_definition),
    ("apps", "DaemonSet"): _always(daemon_set),
    ("apps", "Deployment"): _always(deployment),
    ("apps", "StatefulSet"): _always(stateful_set),
    ("batch", "Job"): _always(job),
    ("networking.k8s.io", "Ingress"): _always(ingress),
}
LOOKED_AT_BY_REFRESH = {
    ("", "Pod"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("batch", "Job"),
    ("networking.k8s.io", "Ingress"),
}
