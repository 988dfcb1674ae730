"""A container beside a store, which tells its measurements to Prometheus."""

from collections.abc import Sequence

from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    EnvVarArgs,
    HTTPGetActionArgs,
    ProbeArgs,
    TCPSocketActionArgs,
)

from infra.app_service import METRICS
from infra.resources import Resources, requirements
from infra.security import container_context

RESOURCES = Resources(cpu_request="10m", cpu_limit="200m", memory_request="32Mi", memory_limit="128Mi")


def exporter(image: str, pull_policy: str, env: Sequence[EnvVarArgs]) -> ContainerArgs:
    """Both exporters know this flag and the page ``/``, and run as any user.

    One that hangs is restarted long before it would make its store unready: a store that nobody measures still answers.
    """
    return ContainerArgs(
        name="metrics",
        image=image,
        image_pull_policy=pull_policy,
        args=[f"--web.listen-address=:{METRICS.number}"],
        env=list(env),
        ports=[ContainerPortArgs(name=METRICS.name, container_port=METRICS.number)],
        resources=requirements(RESOURCES),
        security_context=container_context(),
        readiness_probe=ProbeArgs(
            http_get=HTTPGetActionArgs(path="/", port=METRICS.name),
            period_seconds=5,
            timeout_seconds=3,
            failure_threshold=60,
        ),
        liveness_probe=ProbeArgs(
            tcp_socket=TCPSocketActionArgs(port=METRICS.name), period_seconds=30, timeout_seconds=3
        ),
    )
