"""Requests and limits of a container."""

from dataclasses import dataclass
from typing import Protocol

from pulumi_kubernetes.core.v1 import ResourceRequirementsArgs

DISK = "ephemeral-storage"
DISK_REQUEST = "64Mi"
DISK_LIMIT = "2Gi"
"""What a container may leave on its node's disk: twice the /tmp of the app's pods (infra/app_pod.py), logs included.
A pod that goes on writing is evicted before the node is full and all of its pods are. Volumes do not count."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """CPU and memory of one container, as Kubernetes quantities."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str


class Sized(Protocol):
    """A group of settings with the four fields of ``Resources``."""

    @property
    def cpu_request(self) -> str: ...
    @property
    def cpu_limit(self) -> str: ...
    @property
    def memory_request(self) -> str: ...
    @property
    def memory_limit(self) -> str: ...


def resources_of(group: Sized) -> Resources:
    return Resources(
        cpu_request=group.cpu_request,
        cpu_limit=group.cpu_limit,
        memory_request=group.memory_request,
        memory_limit=group.memory_limit,
    )


def requirements(resources: Resources) -> ResourceRequirementsArgs:
    return ResourceRequirementsArgs(
        requests={"cpu": resources.cpu_request, "memory": resources.memory_request, DISK: DISK_REQUEST},
        limits={"cpu": resources.cpu_limit, "memory": resources.memory_limit, DISK: DISK_LIMIT},
    )
