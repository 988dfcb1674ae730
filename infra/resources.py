"""Requests and limits of a container."""

from dataclasses import dataclass

from pulumi_kubernetes.core.v1 import ResourceRequirementsArgs


@dataclass(frozen=True, kw_only=True)
class Resources:
    """CPU and memory of one container, as Kubernetes quantities."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str


def requirements(resources: Resources) -> ResourceRequirementsArgs:
    return ResourceRequirementsArgs(
        requests={"cpu": resources.cpu_request, "memory": resources.memory_request},
        limits={"cpu": resources.cpu_limit, "memory": resources.memory_limit},
    )
