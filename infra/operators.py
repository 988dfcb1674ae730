"""The operators, from their pinned manifests, changed where Pod Security ``restricted`` and this stack ask for it.

Every object of a manifest becomes a resource of its own, in three layers: definitions first, then accounts, roles and
services, then the Deployment. What an operator reconciles depends on the operator: on the way down it then lives until
its last object has gone, and takes that one's finalizer off.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import HTTPGetActionArgs, ProbeArgs, TCPSocketActionArgs

from infra.exceptions import annotated
from infra.manifests import KubernetesObject, Manifest
from infra.resources import DISK, DISK_LIMIT, DISK_REQUEST
from infra.security import container_context, pod_context
from infra.settings import Images, Operators

OPERATOR_UID = 10001
"""The operators' programs may be run by anybody. The users of the released images are below 10,000, or ``nobody``, and
may be somebody on the node."""

CLUSTER_OPERATOR_PORT = 9782
TOPOLOGY_OPERATOR_PORT = 8080
"""Of their metrics."""

WEBHOOK_KINDS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "Certificate", "Issuer")
WEBHOOK_PORT = 9443
WEBHOOK_CERTIFICATE = "webhook-server-cert"

TOPOLOGY_RECONCILERS = 4
"""Objects of one kind that the topology operator declares at a time; with one, every queue waits for the others."""

PROVIDER_VERSION = version("pulumi-kubernetes")
"""The one that the typed resources ask for; without a version the engine would start a second provider."""


@dataclass(frozen=True, kw_only=True)
class OperatorArgs:
    objects: Sequence[KubernetesObject]
    """Of the operator's manifest."""
    image: str
    """Empty: the one that the manifest names."""
    pull_policy: str
    env: dict[str, str]
    """Set in, or added to, each container."""
    metrics_port: int
    """Where it shows its metrics, and that it is alive: the manifests have no probes."""
    webhooks: bool
    """False leaves out what serves admission webhooks; ``env`` must tell the operator as well."""


def cluster_operator_args(operators: Operators, images: Images) -> OperatorArgs:
    """Raises ``ManifestError`` when the pinned manifest is not to be had."""
    return OperatorArgs(
        objects=Manifest(
            key="clusterOperatorManifest", location=operators.cluster_manifest, sha256=operators.cluster_sha256
        ).objects(),
        image=images.cluster_operator,
        pull_policy=images.pull_policy,
        env={},
        metrics_port=CLUSTER_OPERATOR_PORT,
        webhooks=True,
    )


def topology_operator_args(operators: Operators, images: Images) -> OperatorArgs:
    """Raises ``ManifestError`` when the pinned manifest is not to be had."""
    return OperatorArgs(
        objects=Manifest(
            key="topologyOperatorManifest", location=operators.topology_manifest, sha256=operators.topology_sha256
        ).objects(),
        image=images.topology_operator,
        pull_policy=images.pull_policy,
        env={
            # Else it would take the brokers' certificates for the management API as well, and would need to believe
            # them: rabbitmqTlsSecret is for AMQP.
            "CONNECT_USING_PLAIN_HTTP": "true",
            "ENABLE_WEBHOOKS": str(operators.topology_webhooks).lower(),
            "MAX_CONCURRENT_RECONCILES": str(TOPOLOGY_RECONCILERS),
        },
        metrics_port=TOPOLOGY_OPERATOR_PORT,
        webhooks=operators.topology_webhooks,
    )


class Operator(pulumi.ComponentResource):
    """Ready when its Deployment is available. Depend on it with whatever its definitions define."""

    def __init__(self, name: str, args: OperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:operators:Operator", name, None, opts)
        before: list[pulumi.Resource] = []
        for layer in in_layers(adapted(args)):
            before = [*before, *(self._register(name, manifest, before) for manifest in layer)]
        self.register_outputs({})

    def _register(self, name: str, manifest: KubernetesObject, before: list[pulumi.Resource]) -> pulumi.Resource:
        """The logical name comes from the object's own, so that a reordered manifest replaces nothing."""
        kind, object_name = manifest["kind"], manifest["metadata"]["name"]
        opts = pulumi.ResourceOptions(parent=self, depends_on=before, version=PROVIDER_VERSION)
        return pulumi.CustomResource(type_token(manifest), f"{name}-{kind.lower()}-{object_name}", manifest, opts)


def type_token(manifest: KubernetesObject) -> str:
    """The Kubernetes provider's name for the object's type; it calls the group without a name ``core``."""
    api_version = manifest["apiVersion"]
    return f"kubernetes:{api_version if '/' in api_version else f'core/{api_version}'}:{manifest['kind']}"


def in_layers(objects: Iterable[KubernetesObject]) -> list[list[KubernetesObject]]:
    """Definitions, then what the operator's pods need to start, then the Deployments."""
    layers: list[list[KubernetesObject]] = [[], [], []]
    for manifest in objects:
        layers[{"CustomResourceDefinition": 0, "Deployment": 2}.get(manifest["kind"], 1)].append(manifest)
    return layers


def adapted(args: OperatorArgs) -> list[KubernetesObject]:
    """The manifest's objects as this stack wants them; the namespace is the stack's own."""
    kept = [manifest for manifest in args.objects if manifest["kind"] != "Namespace"]
    if not args.webhooks:
        kept = [manifest for manifest in kept if not serves_webhooks(manifest)]
    return [
        annotated(adapted_deployment(manifest, args) if manifest["kind"] == "Deployment" else manifest)
        for manifest in kept
    ]


def serves_webhooks(manifest: KubernetesObject) -> bool:
    if manifest["kind"] == "Service":
        return any(port.get("targetPort") == WEBHOOK_PORT for port in manifest["spec"]["ports"])
    return manifest["kind"] in WEBHOOK_KINDS


def adapted_deployment(manifest: KubernetesObject, args: OperatorArgs) -> KubernetesObject:
    """Image, environment, probes, and the security settings that Pod Security ``restricted`` asks for."""
    changed = copy.deepcopy(manifest)
    pod = changed["spec"]["template"]["spec"]
    pod["securityContext"] = pod_context(uid=OPERATOR_UID)
    for container in pod["containers"]:
        container["securityContext"] = container_context()
        container["imagePullPolicy"] = args.pull_policy
        container["image"] = args.image or container["image"]
        others = [entry for entry in container.get("env", []) if entry["name"] not in args.env]
        container["env"] = [*others, *({"name": name, "value": value} for name, value in args.env.items())]
        for kind, amount in (("requests", DISK_REQUEST), ("limits", DISK_LIMIT)):
            container["resources"][kind] = {DISK: amount, **container["resources"][kind]}
        container["readinessProbe"], container["livenessProbe"] = probes(args.metrics_port)
    if not args.webhooks:
        _drop_webhook_server(pod)
    return changed


def probes(metrics_port: int) -> tuple[ProbeArgs, ProbeArgs]:
    """Readiness and liveness. Two minutes without an open port are no start that a busy API server delays."""
    page = HTTPGetActionArgs(path="/metrics", port=metrics_port)
    return (
        ProbeArgs(http_get=page, period_seconds=5, timeout_seconds=3, failure_threshold=3),
        ProbeArgs(
            tcp_socket=TCPSocketActionArgs(port=metrics_port),
            period_seconds=20,
            timeout_seconds=3,
            failure_threshold=6,
        ),
    )


def _drop_webhook_server(pod: dict[str, Any]) -> None:
    """Without cert-manager the certificate's Secret never comes, and the pod would wait for it."""
    certificates = {
        volume["name"]
        for volume in pod.get("volumes", [])
        if volume.get("secret", {}).get("secretName") == WEBHOOK_CERTIFICATE
    }
    _keep(pod, "volumes", lambda volume: volume["name"] not in certificates)
    for container in pod["containers"]:
        _keep(container, "volumeMounts", lambda mount: mount["name"] not in certificates)
        _keep(container, "ports", lambda port: port["containerPort"] != WEBHOOK_PORT)


def _keep(holder: dict[str, Any], key: str, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """An empty list goes altogether: the API server does not store one, and it would look changed for ever."""
    kept = [item for item in holder.pop(key, []) if wanted(item)]
    if kept:
        holder[key] = kept
