"""Requests and limits of a container."""

from dataclasses import dataclass
from typing import Protocol

from pulumi_kubernetes.core.v1 import ResourceRequirementsArgs


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
        requests={"cpu": resources.cpu_request, "memory": resources.memory_request},
        limits={"cpu": resources.cpu_limit, "memory": resources.memory_limit},
    )
