"""prometheus-operator, from its pinned manifest: what of it this stack takes, and how it is changed."""

import copy
from typing import Any

from infra.manifests import KubernetesObject, Manifest
from infra.monitoring_settings import Monitoring
from infra.operators import OperatorArgs
from infra.settings import Images

NAME = "prometheus-operator"
"""Of its Deployment, in the manifest."""
PORT = 8080
"""Which the manifest calls ``http``."""

DEFINITIONS = frozenset(
    f"{plural}.monitoring.coreos.com"
    for plural in ("prometheuses", "servicemonitors", "prometheusrules", "podmonitors", "probes")
)
"""Of the ten in the manifest, those without which the operator does not run a Prometheus. Nobody here makes a
PodMonitor or a Probe, but the operator lists them before it begins."""

RELOADER_FLAG = "--prometheus-config-reloader="
KUBELET_FLAG = "--kubelet-"
"""Flags that make it keep a Service of all kubelets in kube-system. Nothing here asks kubelets."""


def operator_args(monitoring: Monitoring, images: Images, namespace: str) -> OperatorArgs:
    """Raises ``ManifestError`` when the pinned manifest is not to be had."""
    manifest = Manifest(key="prometheusOperatorManifest", location=monitoring.manifest, sha256=monitoring.sha256)
    return OperatorArgs(
        objects=[adapted(one, namespace, images.config_reloader) for one in manifest.objects() if is_wanted(one)],
        image=images.prometheus_operator,
        pull_policy=images.pull_policy,
        env={},
        metrics_port=PORT,
        # It has none, and so nothing is to be left out for want of a certificate.
        webhooks=True,
    )


def is_wanted(manifest: KubernetesObject) -> bool:
    return manifest["kind"] != "CustomResourceDefinition" or manifest["metadata"]["name"] in DEFINITIONS


def adapted(manifest: KubernetesObject, namespace: str, config_reloader: str) -> KubernetesObject:
    """The object in ``namespace`` instead of the manifest's ``default``."""
    changed = copy.deepcopy(manifest)
    if "namespace" in changed["metadata"]:
        changed["metadata"]["namespace"] = namespace
    match changed["kind"]:
        case "ClusterRoleBinding":
            for subject in changed["subjects"]:
                subject["namespace"] = namespace
        case "Deployment":
            for container in changed["spec"]["template"]["spec"]["containers"]:
                container["args"] = arguments(container["args"], namespace, config_reloader)
        case "CustomResourceDefinition":
            for version in changed["spec"]["versions"]:
                version["schema"] = undescribed(version["schema"])
    return changed


def arguments(given: list[str], namespace: str, config_reloader: str) -> list[str]:
    """``config_reloader`` is an image, empty for the manifest's. Only our namespace may have a Prometheus: the operator
    keeps Secrets where those are."""
    kept = [one for one in given if not one.startswith(KUBELET_FLAG)]
    if config_reloader:
        kept = [RELOADER_FLAG + config_reloader if one.startswith(RELOADER_FLAG) else one for one in kept]
    return [*kept, f"--prometheus-instance-namespaces={namespace}"]


def undescribed(schema: Any) -> Any:
    """The schema without its descriptions. They are 0.44 of the objects' 0.59 MB, stored in the API server and in the
    stack's state, compared at each update, and read by nobody but ``kubectl explain``."""
    if isinstance(schema, list):
        return [undescribed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # A property may have this name as well; it is an object then.
    return {
        key: undescribed(value)
        for key, value in schema.items()
        if not (key == "description" and isinstance(value, str))
    }
