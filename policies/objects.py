"""Pods, whatever makes them, and how labels select them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.resources import UNKNOWN, Resource, Stack, at, mapping, sequence

TEMPLATES = {
    "Deployment": "spec.template",
    "StatefulSet": "spec.template",
    "DaemonSet": "spec.template",
    "ReplicaSet": "spec.template",
    "Job": "spec.template",
    "CronJob": "spec.jobTemplate.spec.template",
}
"""Where an object holds the pods that it makes."""
CLUSTER, PROMETHEUS = "RabbitmqCluster", "Prometheus"
OPERATED = (CLUSTER, PROMETHEUS)
"""Of these an operator makes the pods: what it adds by itself is not to be seen here."""
WORKLOADS = (*TEMPLATES, *OPERATED, "Pod")

OVERRIDE = "spec.override.statefulSet.spec.template.spec"
BROKER_METRICS = {"name": "prometheus", "containerPort": 15692}
"""As the cluster operator names it. https://www.rabbitmq.com/docs/networking#ports"""


@dataclass(frozen=True)
class Container:
    """``path`` is where the container stands in its resource."""

    path: str
    content: Mapping[str, Any]
    is_init: bool = False

    @property
    def name(self) -> str:
        return str(self.get("name", ""))

    def get(self, path: str, default: Any = None) -> Any:
        return at(self.content, path, default)

    def at(self, path: str) -> str:
        """The full path of one of its properties."""
        return f"{self.path}.{path}"


@dataclass(frozen=True)
class Pods:
    """The pods of one resource, as far as the resource says what they are."""

    owner: Resource
    path: str
    """Of the pod's spec within the resource."""
    labels: Mapping[str, str]
    containers: tuple[Container, ...]

    @property
    def is_operated(self) -> bool:
        return self.owner.kind in OPERATED

    @property
    def replicas(self) -> Any:
        """None when an autoscaler decides."""
        return self.owner.get("spec.replicas")

    def get(self, path: str, default: Any = None) -> Any:
        return self.owner.get(f"{self.path}.{path}", default)

    def at(self, path: str) -> str:
        return f"{self.path}.{path}"

    def selected_by(self, selector: Any) -> bool:
        return selects(selector, self.labels)


def pods_of(resource: Resource) -> Pods | None:
    """None for what makes no pods."""
    if resource.kind in TEMPLATES:
        template = TEMPLATES[resource.kind]
        path = f"{template}.spec"
        labels = mapping(resource.get(f"{template}.metadata.labels"))
        return Pods(resource, path, labels, tuple(_containers(resource, path)))
    match resource.kind:
        case "Pod":
            return Pods(resource, "spec", resource.labels, tuple(_containers(resource, "spec")))
        case "RabbitmqCluster":
            # The labels are the operator's own.
            labels = {"app.kubernetes.io/name": resource.object_name, "app.kubernetes.io/component": "rabbitmq"}
            return Pods(resource, OVERRIDE, labels, tuple(_broker_containers(resource)))
        case "Prometheus":
            labels = mapping(resource.get("spec.podMetadata.labels"))
            content = {key: resource.get(f"spec.{key}") for key in ("image", "resources")}
            return Pods(resource, "spec", labels, (Container("spec", {"name": "prometheus", **content}),))
    return None


def all_pods(stack: Stack) -> list[Pods]:
    return [pods for resource in stack.of(*WORKLOADS) if (pods := pods_of(resource)) is not None]


def _containers(resource: Resource, path: str) -> Iterator[Container]:
    for key in ("initContainers", "containers"):
        for index, content in enumerate(sequence(resource.get(f"{path}.{key}"))):
            yield Container(f"{path}.{key}[{index}]", mapping(content), is_init=key == "initContainers")


def _broker_containers(cluster: Resource) -> Iterator[Container]:
    """The override's containers; image, resources and the port of metrics come from the cluster."""
    for container in _containers(cluster, OVERRIDE):
        own = {key: cluster.get(f"spec.{key}") for key in ("image", "resources")}
        ports = [] if container.is_init else [BROKER_METRICS]
        yield Container(container.path, {**own, "ports": ports, **container.content}, container.is_init)


def selects(selector: Any, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes these labels. An empty one takes all, a missing one none."""
    if selector is None or selector is UNKNOWN:
        return False
    wanted = mapping(at(selector, "matchLabels"))
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _meets(mapping(expression), labels) for expression in sequence(at(selector, "matchExpressions"))
    )


def _meets(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = str(expression.get("key")), sequence(expression.get("values"))
    match expression.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
