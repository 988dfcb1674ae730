"""NetworkPolicies: closed unless it is said, and what is open to the world is named."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.objects import Pods, all_pods, selects
from policies.resources import UNKNOWN, Resource, Stack, mapping, sequence
from policies.rule import ResourceRule, Setting, Settings, StackRule, Violation

NAMESPACE_NAME = "kubernetes.io/metadata.name"
BOTH = {"Ingress", "Egress"}
WORLD = ("0.0.0.0/0", "::/0")


def label(resource: Resource) -> str:
    return f"{resource.namespace}/{resource.object_name}"


def closes_everything(policy: Resource) -> bool:
    """All pods of its namespace, both ways, and nothing let through."""
    selector = policy.get("spec.podSelector")
    return (
        selector is not None
        and not mapping(selector).get("matchLabels")
        and not mapping(selector).get("matchExpressions")
        and set(sequence(policy.get("spec.policyTypes"))) == BOTH
        and not policy.get("spec.ingress")
        and not policy.get("spec.egress")
    )


def require_default_deny(stack: Stack, settings: Settings) -> Iterator[Violation]:
    closed = {policy.namespace for policy in stack.of("NetworkPolicy") if closes_everything(policy)}
    for namespace in stack.of("Namespace"):
        if namespace.object_name not in closed:
            found = f"{namespace.object_name} without a policy that closes it"
            yield Violation(namespace, "metadata.name", found, "a NetworkPolicy for all pods, both ways, without rules")


def cover_workloads(stack: Stack, settings: Settings) -> Iterator[Violation]:
    """A pod that no policy selects is open both ways, whatever its neighbours' policies say."""
    policies = stack.of("NetworkPolicy")
    for pods in all_pods(stack):
        covered = {
            direction
            for policy in policies
            if policy.namespace == pods.owner.namespace and pods.selected_by(policy.get("spec.podSelector"))
            for direction in sequence(policy.get("spec.policyTypes"))
        }
        if missing := BOTH - covered:
            found = f"{pods.owner.namespace} without a policy for these pods"
            yield Violation(pods.owner, "metadata.namespace", found, f"policies for {' and '.join(sorted(missing))}")


def rules(policy: Resource, direction: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, one in enumerate(sequence(policy.get(f"spec.{direction}"))):
        if one is not UNKNOWN:
            yield f"spec.{direction}[{index}]", mapping(one)


def is_open(rule: Mapping[str, Any], peers: str) -> bool:
    """Whether it lets everybody: no peers at all, or every address."""
    ends = sequence(rule.get(peers))
    return (peers not in rule) or any(
        not mapping(end) or mapping(mapping(end).get("ipBlock")).get("cidr") in WORLD for end in ends
    )


def limit_open_rules(policy: Resource, settings: Settings) -> Iterator[Violation]:
    for direction, peers in (("egress", "to"), ("ingress", "from")):
        for path, one in rules(policy, direction):
            if is_open(one, peers) and label(policy) not in settings[direction]:
                yield Violation(policy, f"{path}.{peers}", one.get(peers) or "everybody", "peers that are named")
            elif not one.get("ports"):
                yield Violation(policy, f"{path}.ports", one.get("ports"), "ports that are named")


def forbid_public_services(service: Resource, settings: Settings) -> Iterator[Violation]:
    kind = service.get("spec.type", "ClusterIP")
    if kind not in ("ClusterIP", "ExternalName") and label(service) not in settings["services"]:
        yield Violation(service, "spec.type", kind, "ClusterIP")
    if service.get("spec.externalIPs"):
        yield Violation(service, "spec.externalIPs", service.get("spec.externalIPs"), "none")


def require_measurable_pods(stack: Stack, settings: Settings) -> Iterator[Violation]:
    """Prometheus reaches the port of each ServiceMonitor on the pods behind it."""
    everything = all_pods(stack)
    clients = [pods for pods in everything if pods.owner.kind == "Prometheus"]
    for monitor in stack.of("ServiceMonitor"):
        for endpoint in map(mapping, sequence(monitor.get("spec.endpoints"))):
            for pods, port in targets(stack, everything, monitor, endpoint.get("port")):
                if pods in clients or reachable(stack, pods, port, clients):
                    continue
                found = f"{endpoint.get('port')}, {port} of {pods.owner.title}, closed"
                wanted = "a NetworkPolicy that lets Prometheus in"
                yield Violation(monitor, "spec.endpoints.port", found, wanted)


def targets(stack: Stack, everything: list[Pods], monitor: Resource, port: Any) -> Iterator[tuple[Pods, int]]:
    """The pods that a monitor's endpoint measures, and their own port."""
    namespaces = sequence(monitor.get("spec.namespaceSelector.matchNames")) or [monitor.namespace]
    selector = monitor.get("spec.selector")
    for service in stack.of("Service"):
        if service.namespace not in namespaces or not selects(selector, service.labels):
            continue
        for behind in everything:
            wanted = mapping(service.get("spec.selector"))
            if behind.owner.namespace == service.namespace and selects({"matchLabels": wanted}, behind.labels):
                for entry in map(mapping, sequence(service.get("spec.ports"))):
                    if entry.get("name") == port:
                        yield from _numbered(behind, entry.get("targetPort", entry.get("port")))
    for behind in everything:
        # The Service of these is the operator's.
        if behind.is_operated and behind.owner.namespace in namespaces and behind.selected_by(selector):
            yield from _numbered(behind, port)


def _numbered(pods: Pods, port: Any) -> Iterator[tuple[Pods, int]]:
    if isinstance(port, int):
        yield pods, port
    for container in pods.containers:
        for entry in map(mapping, sequence(container.get("ports"))):
            if entry.get("name") == port and isinstance(entry.get("containerPort"), int):
                yield pods, entry["containerPort"]


def reachable(stack: Stack, pods: Pods, port: int, clients: list[Pods]) -> bool:
    """Whether some policy lets one of ``clients`` in; without clients of the stack's own, some whole namespace."""
    return any(
        _lets_in(mapping(peer), policy, clients)
        for policy in stack.of("NetworkPolicy")
        if policy.namespace == pods.owner.namespace and pods.selected_by(policy.get("spec.podSelector"))
        for _, rule in rules(policy, "ingress")
        if any(mapping(entry).get("port") == port for entry in sequence(rule.get("ports")))
        for peer in sequence(rule.get("from"))
    )


def _lets_in(peer: Mapping[str, Any], policy: Resource, clients: list[Pods]) -> bool:
    namespaces, selector = peer.get("namespaceSelector"), peer.get("podSelector")
    if not clients:
        return namespaces is not None and selector is None
    return any(
        (namespaces is None and client.owner.namespace == policy.namespace)
        or selects(namespaces, {NAMESPACE_NAME: client.owner.namespace})
        for client in clients
        if selector is None or client.selected_by(selector)
    )


FLOWS = "Change the table of infra/flows.py"

RULES = (
    StackRule(
        name="require-default-deny",
        description="Every namespace refuses everything both ways that no policy allows.",
        remedy="Add the namespace to ALL in infra/namespaces.py, of which infra/network.py closes each",
        check=require_default_deny,
    ),
    StackRule(
        name="cover-workloads",
        description="Policies select every pod, both ways.",
        remedy="Run it in one of the namespaces of infra/namespaces.py",
        check=cover_workloads,
    ),
    ResourceRule(
        name="limit-open-rules",
        description="Who may call everybody, or be called by everybody, is named; and everybody's ports are.",
        remedy=f"{FLOWS}, or name the policy in policies/<stack>.json",
        settings={
            "egress": Setting(
                [
                    "monitoring/prometheus",
                    "monitoring/prometheus-operator",
                    "rabbitmq/rabbitmq",
                    "rabbitmq-system/messaging-topology-operator",
                    "rabbitmq-system/rabbitmq-cluster-operator",
                    "scan/scan-worker",
                ],
                "policies that may: of what calls the Kubernetes API or the model, whose addresses are the cluster's",
            ),
            "ingress": Setting(["scan/scan-api"], "policies of what everybody may call"),
        },
        kinds=("NetworkPolicy",),
        check=limit_open_rules,
    ),
    ResourceRule(
        name="forbid-public-services",
        description="A Service is for the cluster, unless it is named.",
        remedy="Make it a ClusterIP, or name it in policies/<stack>.json",
        settings={"services": Setting([], "Services that may be a LoadBalancer or NodePort, as namespace/name")},
        kinds=("Service",),
        check=forbid_public_services,
    ),
    StackRule(
        name="require-measurable-pods",
        description="Prometheus reaches the ports that it is told to measure.",
        remedy="Add the pods to MEASURED in infra/flows.py",
        check=require_measurable_pods,
    ),
)
