"""Which objects of others are let off a rule, and why. None of our own workloads is."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from policies.resources import Resource


@dataclass(frozen=True, kw_only=True)
class Exempt:
    """Objects of ``kind`` whose namespace and name match the patterns (``*`` for any)."""

    rule: str
    kind: str
    namespace: str
    name: str
    reason: str

    def covers(self, rule: str, resource: Resource) -> bool:
        return (
            (rule, resource.kind) == (self.rule, self.kind)
            and fnmatchcase(resource.namespace, self.namespace)
            and fnmatchcase(resource.object_name, self.name)
        )


def _operators(rule: str, reason: str) -> tuple[Exempt, ...]:
    return tuple(
        Exempt(rule=rule, kind="Deployment", namespace=namespace, name=name, reason=reason)
        for namespace, name in (("rabbitmq-system", "*-operator"), ("monitoring", "prometheus-operator"))
    )


EXEMPT: tuple[Exempt, ...] = (
    *_operators("forbid-service-account-tokens", "An operator works by the Kubernetes API."),
    Exempt(
        rule="require-read-only-root",
        kind="RabbitmqCluster",
        namespace="rabbitmq",
        name="eco2-rabbitmq",
        reason="The cluster operator decides which volumes a broker has; not all that RabbitMQ writes to is one.",
    ),
)


def is_exempt(rule: str, resource: Resource) -> bool:
    return any(exempt.covers(rule, resource) for exempt in EXEMPT)
