"""Small resources to hold against single rules, and whole stacks as the rules see them."""

import copy
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.judging import Report, judge
from policies.registry import RULES
from policies.resources import Properties, Resource, Stack
from policies.rule import ResourceRule, StackRule
from policies.stack_settings import LEVEL, chosen
from tests.unit.conftest import run_stack

TOKENS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "Job": "batch/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "StorageClass": "storage.k8s.io/v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    **dict.fromkeys(
        ("Queue", "Policy", "Binding", "Exchange", "User", "Permission", "RabbitmqCluster", "Vhost"),
        "rabbitmq.com/v1beta1",
    ),
}
"""Group and version by kind, of what is not in the core group."""


def aws(kind: str, properties: Mapping[str, Any]) -> Resource:
    """A resource of AWS of a kind like ``aws:ec2:LaunchTemplate``, with the type token that Pulumi has for it."""
    package, module, name = kind.split(":")
    return made(f"{package}:{module}/{name[0].lower()}{name[1:]}:{name}", "it", properties)


def made(
    type_token: str,
    name: str,
    properties: Mapping[str, Any],
    secrets: Iterable[str] = (),
    *,
    protected: bool = False,
    urn: str = "",
) -> Resource:
    decoded = (properties, frozenset(secrets))
    return Resource(
        type=type_token,
        name=name,
        urn=urn or f"urn:pulumi:dev::eco2::{type_token}::{name}",
        properties=Properties(lambda: decoded),
        protected=protected,
    )


def kubernetes(
    kind: str,
    name: str,
    spec: Mapping[str, Any] | None = None,
    *,
    namespace: str = "scan",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    secrets: Iterable[str] = (),
    protected: bool = False,
    **other: Any,
) -> Resource:
    """A Kubernetes object."""
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}, "annotations": annotations or {}}
    content = {"metadata": metadata, **({"spec": spec} if spec is not None else {}), **other}
    return made(f"kubernetes:{TOKENS.get(kind, 'core/v1')}:{kind}", name, content, secrets, protected=protected)


def rule(name: str) -> ResourceRule | StackRule:
    (found,) = (one for one in RULES if one.name == name)
    return found


def messages(name: str, *resources: Resource, **settings: Any) -> list[str]:
    """What a rule has against these resources, which are the whole stack."""
    return [report.message for report in reports(rule(name), Stack(resources), settings)]


def reports(one: ResourceRule | StackRule, stack: Stack, settings: Mapping[str, Any]) -> list[Report]:
    if isinstance(one, StackRule):
        return judge(one, stack, settings)
    return [report for resource in stack.resources for report in judge(one, resource, settings)]


@functools.cache
def recorded(stack: str, **overlay: str) -> Stack:
    """A stack of ours with the checkout's own file, and settings laid over it."""
    return Stack(
        tuple(
            made(one.type, one.name, one.inputs, one.secrets, protected=one.protected, urn=one.urn)
            for one in run_stack(stack, **overlay).made
        )
    )


def stopped_by(stack: Stack, name: str, level: str = "mandatory") -> dict[str, list[Report]]:
    """What each rule of that level has against a stack, with the settings of the stack ``name``."""
    choices = chosen(name)
    found = {}
    for one in RULES:
        choice = choices.get(one.name, {})
        if choice.get(LEVEL, one.level.value) == level and (against := reports(one, stack, choice)):
            found[one.name] = against
    return found


def changed(resource: Resource, path: str, value: Any) -> Resource:
    """A copy with another value at a path like ``spec.template.spec.containers.0.image``; ``...`` takes it away."""
    properties = copy.deepcopy(dict(resource.properties))
    holder: Any = properties
    *way, last = (int(key) if key.isdigit() else key for key in path.replace("\\.", "\0").split("."))
    way = [key.replace("\0", ".") if isinstance(key, str) else key for key in way]
    last = last.replace("\0", ".") if isinstance(last, str) else last
    for key in way:
        holder = holder.setdefault(key, {}) if isinstance(holder, dict) else holder[key]
    if value is ...:
        del holder[last]
    else:
        holder[last] = value
    return made(
        resource.type,
        resource.name,
        properties,
        resource.properties.secrets,
        protected=resource.protected,
        urn=resource.urn,
    )


@dataclass(frozen=True)
class Case:
    """What a rule lets pass, and what it stops with a message that names ``says``."""

    rule: str
    good: tuple[Resource, ...]
    bad: tuple[Resource, ...]
    says: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.rule}, {self.says}"

    def check(self) -> None:
        assert messages(self.rule, *self.good, **self.settings) == []
        stopped = messages(self.rule, *self.bad, **self.settings)
        assert stopped, f"{self.rule} lets it pass"
        assert any(self.says in one for one in stopped), stopped
        assert not any("itself failed" in one for one in stopped), stopped
