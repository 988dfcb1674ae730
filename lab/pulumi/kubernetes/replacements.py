"""Which properties cannot change on a living object, so that a change of them replaces it.

The table follows the official provider's. Note that a change in a ConfigMap's or Secret's data replaces the object too,
unless the provider is configured otherwise, so that what mounts it under an automatic name is rolled out anew.
"""

from lab.pulumi.kubernetes.differences import Difference, Path, parse_path, touches
from lab.pulumi.kubernetes.objects import Object, kind_of

IDENTITY = ("metadata.name", "metadata.namespace")


def _fields(parent: str, names: str) -> tuple[str, ...]:
    return tuple(f"{parent}.{name}" for name in names.split())


CONTAINER_FIELDS = """
    args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources securityContext stdin
    stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir
"""
POD = (
    *_fields(
        "spec",
        """
        affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork
        hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName
        readinessGates restartPolicy runtimeClassName schedulerName securityContext serviceAccount serviceAccountName
        shareProcessNamespace subdomain terminationGracePeriodSeconds volumes
        """,
    ),
    *_fields("spec.containers[*]", CONTAINER_FIELDS),
    *_fields("spec.initContainers[*]", CONTAINER_FIELDS),
)
STATEFUL_SET = "podManagementPolicy revisionHistoryLimit selector serviceName volumeClaimTemplates"

FIXED: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "PersistentVolumeClaim"): ("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"),
    ("", "PersistentVolume"): ("spec.csi", "spec.hostPath", "spec.local", "spec.nfs"),
    ("", "Pod"): POD,
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Service"): ("spec.clusterIP",),
    ("apps", "DaemonSet"): ("spec.selector",),
    ("apps", "Deployment"): ("spec.selector",),
    ("apps", "StatefulSet"): _fields("spec", STATEFUL_SET),
    ("batch", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
}


def fixed_paths(inputs: Object, *, mutable_config_maps: bool = False, mutable_secrets: bool = False) -> list[Path]:
    """The paths of an object's properties which only a new object can have changed."""
    kind = kind_of(inputs)
    fixed = FIXED.get((kind.group, kind.name), ())
    immutable = inputs.get("immutable") is True
    if (kind.group, kind.name) == ("", "Secret"):
        fixed = ("type",) if mutable_secrets and not immutable else ("type", "data", "stringData")
    elif (kind.group, kind.name) == ("", "ConfigMap"):
        fixed = () if mutable_config_maps and not immutable else ("data", "binaryData")
    return [parse_path(path) for path in (*IDENTITY, *fixed)]


def replaces(item: Difference, fixed: list[Path]) -> bool:
    return any(touches(item, path) for path in fixed)
