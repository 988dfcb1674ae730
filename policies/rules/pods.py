"""Pods: the whole of Pod Security ``restricted``, what keeps a node whole, and what they are made of.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from policies.objects import WORKLOADS, Container, Pods, all_pods, pods_of
from policies.quantities import amount
from policies.resources import UNKNOWN, Resource, Stack, mapping, sequence
from policies.rule import Level, ResourceRule, Setting, Settings, StackRule, Violation
from policies.rules.topology import CONSUMES, named

HOST = ("hostNetwork", "hostPID", "hostIPC")
VOLUMES = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
SELINUX_TYPES = ("container_t", "container_init_t", "container_kvm_t", "container_engine_t")
SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
)
SECCOMP = ("RuntimeDefault", "Localhost")
SERVERS = ("Deployment", "StatefulSet", "DaemonSet")
DOCKER_HUB = "docker.io"

Check = Callable[[Pods, Settings], Iterator[Violation]]


def of_pods(check: Check) -> Callable[[Resource, Settings], Iterator[Violation]]:
    """A rule on pods as one on the resources that make them."""

    def of_resource(resource: Resource, settings: Settings) -> Iterator[Violation]:
        if (pods := pods_of(resource)) is not None:
            yield from check(pods, settings)

    return of_resource


def hardened(pods: Pods) -> tuple[Container, ...]:
    """The containers that the resource itself describes: Prometheus' are hardened by its operator."""
    return () if pods.owner.kind == "Prometheus" else pods.containers


def in_container_or_pod(pods: Pods, container: Container, key: str) -> tuple[str, Any]:
    """Where a setting of the security context that both may have is decided, and what it is."""
    own = container.get(f"securityContext.{key}")
    if own is not None:
        return container.at(f"securityContext.{key}"), own
    return pods.at(f"securityContext.{key}"), pods.get(f"securityContext.{key}")


def require_non_root(pods: Pods, settings: Settings) -> Iterator[Violation]:
    for container in pods.containers:
        path, value = in_container_or_pod(pods, container, "runAsNonRoot")
        if value is not True:
            yield Violation(pods.owner, path, value, f"true, for the container {container.name}")
        path, uid = in_container_or_pod(pods, container, "runAsUser")
        if uid == 0:
            yield Violation(pods.owner, path, uid, f"another user than root, for the container {container.name}")


def require_seccomp(pods: Pods, settings: Settings) -> Iterator[Violation]:
    for container in pods.containers:
        path, value = in_container_or_pod(pods, container, "seccompProfile.type")
        if value not in SECCOMP:
            yield Violation(pods.owner, path, value, f"RuntimeDefault, for the container {container.name}")


def forbid_privileges(pods: Pods, settings: Settings) -> Iterator[Violation]:
    for container in hardened(pods):
        for key, allowed in (("allowPrivilegeEscalation", (False,)), ("privileged", (False, None))):
            value = container.get(f"securityContext.{key}")
            if value not in allowed:
                yield Violation(pods.owner, container.at(f"securityContext.{key}"), value, "false")


def require_dropped_capabilities(pods: Pods, settings: Settings) -> Iterator[Violation]:
    for container in hardened(pods):
        dropped = container.get("securityContext.capabilities.drop", [])
        if "ALL" not in dropped:
            yield Violation(pods.owner, container.at("securityContext.capabilities.drop"), dropped, "ALL")
        for added in sequence(container.get("securityContext.capabilities.add")):
            if added != "NET_BIND_SERVICE":
                yield Violation(pods.owner, container.at("securityContext.capabilities.add"), added, "none")


def forbid_host_access(pods: Pods, settings: Settings) -> Iterator[Violation]:
    for key in HOST:
        if pods.get(key):
            yield Violation(pods.owner, pods.at(key), pods.get(key), "false")
    for index, volume in enumerate(sequence(pods.get("volumes"))):
        kinds = [key for key in mapping(volume) if key != "name"]
        if not set(kinds) <= set(VOLUMES):
            yield Violation(pods.owner, pods.at(f"volumes[{index}]"), ", ".join(kinds), f"one of {', '.join(VOLUMES)}")
    for container in pods.containers:
        for index, port in enumerate(sequence(container.get("ports"))):
            if mapping(port).get("hostPort"):
                where = container.at(f"ports[{index}].hostPort")
                yield Violation(pods.owner, where, mapping(port)["hostPort"], "none")


def forbid_kernel_settings(pods: Pods, settings: Settings) -> Iterator[Violation]:
    for sysctl in sequence(pods.get("securityContext.sysctls")):
        if (name := mapping(sysctl).get("name")) not in SYSCTLS:
            yield Violation(pods.owner, pods.at("securityContext.sysctls"), name, "none that reaches beyond the pod")
    contexts = [(pods.at("securityContext"), mapping(pods.get("securityContext")))]
    contexts += [(one.at("securityContext"), mapping(one.get("securityContext"))) for one in pods.containers]
    for where, context in contexts:
        yield from _unsafe(pods.owner, where, context)


def _unsafe(owner: Resource, where: str, context: Mapping[str, Any]) -> Iterator[Violation]:
    if context.get("procMount") not in (None, "Default"):
        yield Violation(owner, f"{where}.procMount", context["procMount"], "Default")
    if mapping(context.get("appArmorProfile")).get("type") not in (None, *SECCOMP):
        yield Violation(owner, f"{where}.appArmorProfile", context["appArmorProfile"], "RuntimeDefault")
    if mapping(context.get("windowsOptions")).get("hostProcess"):
        yield Violation(owner, f"{where}.windowsOptions.hostProcess", True, "false")
    linux = mapping(context.get("seLinuxOptions"))
    if linux.get("user") or linux.get("role") or linux.get("type") not in (None, "", *SELINUX_TYPES):
        yield Violation(owner, f"{where}.seLinuxOptions", dict(linux), "a container's type and nothing else")


def require_resources(pods: Pods, settings: Settings) -> Iterator[Violation]:
    for container in pods.containers:
        for kind in ("requests", "limits"):
            for key in ("cpu", "memory"):
                value = container.get(f"resources.{kind}.{key}")
                if value is not UNKNOWN and amount(value) is None:
                    yield Violation(pods.owner, container.at(f"resources.{kind}.{key}"), value, "a quantity")


def require_probes(pods: Pods, settings: Settings) -> Iterator[Violation]:
    if pods.owner.kind not in SERVERS:
        return
    running = [container for container in pods.containers if not container.is_init]
    for container in running:
        if not container.get("livenessProbe"):
            value = container.get("livenessProbe")
            yield Violation(pods.owner, container.at("livenessProbe"), value, "a probe: a hung process is restarted")
    if running and not any(container.get("readinessProbe") for container in running):
        value = running[0].get("readinessProbe")
        yield Violation(pods.owner, running[0].at("readinessProbe"), value, "a probe: an update waits for the new pods")


def require_read_only_root(pods: Pods, settings: Settings) -> Iterator[Violation]:
    for container in hardened(pods):
        value = container.get("securityContext.readOnlyRootFilesystem")
        if value is not True:
            yield Violation(pods.owner, container.at("securityContext.readOnlyRootFilesystem"), value, "true")


def forbid_service_account_tokens(pods: Pods, settings: Settings) -> Iterator[Violation]:
    if pods.is_operated:
        return
    if pods.get("automountServiceAccountToken") is not False:
        value = pods.get("automountServiceAccountToken")
        yield Violation(pods.owner, pods.at("automountServiceAccountToken"), value, "false")


def require_service_accounts(pods: Pods, settings: Settings) -> Iterator[Violation]:
    if pods.owner.kind != "RabbitmqCluster" and pods.get("serviceAccountName") in (None, "", "default"):
        value = pods.get("serviceAccountName")
        yield Violation(pods.owner, pods.at("serviceAccountName"), value, "an account of its own")


def images(pods: Pods) -> Iterator[tuple[str, Any]]:
    """The path and the name of each image. Of a cluster's two containers it is the same one."""
    if pods.owner.kind == "RabbitmqCluster":
        yield "spec.image", pods.owner.get("spec.image")
        return
    for container in pods.containers:
        yield container.at("image"), container.get("image")


def repository(image: str) -> str:
    """With its registry: ``docker.io/library/redis`` for ``redis:8.0.2``."""
    name = image.partition("@")[0]
    head, _, tail = name.rpartition("/")
    name = f"{head}/{tail.partition(':')[0]}" if head else tail.partition(":")[0]
    first = name.partition("/")[0]
    if "/" not in name:
        return f"{DOCKER_HUB}/library/{name}"
    return name if "." in first or ":" in first or first == "localhost" else f"{DOCKER_HUB}/{name}"


def forbid_latest_images(pods: Pods, settings: Settings) -> Iterator[Violation]:
    for path, image in images(pods):
        name = str(image or "")
        tag = name.rpartition("/")[2].partition(":")[2]
        if "@sha256:" not in name and tag in ("", "latest"):
            yield Violation(pods.owner, path, image, "an image with a tag other than latest, or with a digest")


def require_image_digests(pods: Pods, settings: Settings) -> Iterator[Violation]:
    for path, image in images(pods):
        is_pinned = re.search(r"@sha256:[0-9a-f]{64}$", str(image)) is not None
        if settings["required"] and not is_pinned:
            yield Violation(pods.owner, path, image, "a digest, @sha256:…")


def limit_images_by_tag(stack: Stack, settings: Settings) -> Iterator[Violation]:
    """Once for each image, of which many pods may be made."""
    seen = set()
    for pods in all_pods(stack):
        for path, image in images(pods):
            if "@sha256:" not in str(image) and image not in seen:
                seen.add(image)
                yield Violation(pods.owner, path, image, "a digest, @sha256:…")


def limit_image_registries(pods: Pods, settings: Settings) -> Iterator[Violation]:
    for path, image in images(pods):
        if not any(fnmatchcase(repository(str(image)), allowed) for allowed in settings["repositories"]):
            yield Violation(pods.owner, path, image, f"one of {', '.join(settings['repositories'])}")


def spread_replicas(pods: Pods, settings: Settings) -> Iterator[Violation]:
    replicas = pods.replicas
    if pods.owner.kind not in SERVERS or not isinstance(replicas, int) or replicas < 2:
        return
    constraints = [
        constraint
        for constraint in map(mapping, sequence(pods.get("topologySpreadConstraints")))
        if constraint.get("topologyKey") == "kubernetes.io/hostname"
        and constraint.get("whenUnsatisfiable") == "DoNotSchedule"
        and pods.selected_by(constraint.get("labelSelector"))
    ]
    if not constraints:
        found = pods.get("topologySpreadConstraints")
        wanted = f"one by kubernetes.io/hostname for the {replicas} pods' own labels"
        yield Violation(pods.owner, pods.at("topologySpreadConstraints"), found, wanted)


def require_grace_periods(pods: Pods, settings: Settings) -> Iterator[Violation]:
    """A worker that is killed before its task has ended leaves a message that counts as a lost worker's."""
    if not named(pods.owner, CONSUMES):
        return
    grace, least = pods.get("terminationGracePeriodSeconds", 30), settings["longest_task_seconds"]
    if grace <= least:
        wanted = f"more than the {least} s that a task may take"
        yield Violation(pods.owner, pods.at("terminationGracePeriodSeconds"), grace, wanted)


def _rule(name: str, check: Check, description: str, remedy: str, **settings: Setting) -> ResourceRule:
    return ResourceRule(
        name=name, check=of_pods(check), description=description, remedy=remedy, settings=settings, kinds=WORKLOADS
    )


DIGEST = "Look its digest up (docker buildx imagetools inspect IMAGE) and set it in the stack's file"
SECURITY = "Use pod_context and container_context of infra/security.py"

RULES = (
    _rule("require-non-root", require_non_root, "No container runs as root.", SECURITY),
    _rule("require-seccomp", require_seccomp, "Every container has a seccomp profile.", SECURITY),
    _rule("forbid-privileges", forbid_privileges, "No container is privileged, or can become so.", SECURITY),
    _rule("require-dropped-capabilities", require_dropped_capabilities, "No container keeps a capability.", SECURITY),
    _rule(
        "forbid-host-access",
        forbid_host_access,
        "No pod sees its node: neither network, processes, ports nor files.",
        "Use a Service, or a volume of another kind",
    ),
    _rule(
        "forbid-kernel-settings",
        forbid_kernel_settings,
        "No pod changes what the kernel keeps it apart by.",
        "Leave it out of the security context",
    ),
    _rule(
        "require-resources",
        require_resources,
        "Every container requests CPU and memory, and has limits of both.",
        "Use requirements of infra/resources.py",
    ),
    _rule(
        "require-probes",
        require_probes,
        "Kubernetes can tell whether a container hangs, and whether a pod is ready.",
        "Give it a probe; infra/app_service.py has the pages",
    ),
    _rule(
        "require-read-only-root",
        require_read_only_root,
        "No container can change its own files.",
        "Mount an emptyDir where it writes to",
    ),
    _rule(
        "forbid-service-account-tokens",
        forbid_service_account_tokens,
        "No pod holds a token of the Kubernetes API that it does not need.",
        "Set automountServiceAccountToken to false",
    ),
    _rule(
        "require-service-accounts",
        require_service_accounts,
        "No pod runs as its namespace's default account.",
        "Make a ServiceAccount for it, as infra/app_service.py does",
    ),
    _rule(
        "forbid-latest-images",
        forbid_latest_images,
        "An image says which one it is.",
        "Name a version in the stack's file",
    ),
    _rule(
        "require-image-digests",
        require_image_digests,
        "An image is named by its digest: nobody can put another one under it.",
        DIGEST,
        required=Setting(True, "whether a digest is needed"),
    ),
    StackRule(
        name="limit-images-by-tag",
        description="Images are named by their digests, where nobody demands it as well.",
        remedy=DIGEST,
        level=Level.ADVISORY,
        check=limit_images_by_tag,
    ),
    _rule(
        "limit-image-registries",
        limit_image_registries,
        "Images come from repositories that somebody has chosen.",
        "Take another image, or add its repository to policies/<stack>.json",
        repositories=Setting(
            [
                "docker.io/library/rabbitmq",
                "docker.io/library/redis",
                "docker.io/library/postgres",
                "docker.io/oliver006/redis_exporter",
                "docker.io/rabbitmqoperator/*",
                "quay.io/prometheus/prometheus",
                "quay.io/prometheus-operator/*",
                "quay.io/prometheuscommunity/postgres-exporter",
                "*.dkr.ecr.*.amazonaws.com/eco2-app",
                "registry.example/*",
            ],
            "repositories with their registry, as patterns; registry.example stands for a preview's image",
        ),
    ),
    _rule(
        "spread-replicas",
        spread_replicas,
        "Several pods of a kind are on several nodes.",
        "Use spread of infra/placement.py",
    ),
    _rule(
        "require-grace-periods",
        require_grace_periods,
        "A worker that is told to end has the time to end its tasks.",
        "Raise GRACE_SECONDS of infra/app_service.py",
        longest_task_seconds=Setting(60, "the longest that a task may take: the deadline of a model call"),
    ),
)
