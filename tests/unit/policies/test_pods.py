"""Rules on pods, on one that satisfies all of them."""

import copy
from typing import Any

import pytest

from policies.resources import Resource
from policies.rules.pods import repository
from policies.rules.topology import CONSUMES
from tests.unit.policies.conftest import Case, changed, kubernetes, messages

LABELS = {"app": "worker"}
PINNED = f"rabbitmq@sha256:{'0' * 64}"
CONTAINER = {
    "name": "worker",
    "image": PINNED,
    "resources": {kind: {"cpu": "100m", "memory": "64Mi"} for kind in ("requests", "limits")},
    "livenessProbe": {"tcpSocket": {"port": 1}},
    "readinessProbe": {"tcpSocket": {"port": 1}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "ports": [{"containerPort": 9000}],
}
SPEC = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "automountServiceAccountToken": False,
    "serviceAccountName": "worker",
    "terminationGracePeriodSeconds": 90,
    "topologySpreadConstraints": [
        {
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": LABELS},
        }
    ],
    "volumes": [{"name": "tmp", "emptyDir": {}}],
    "containers": [CONTAINER],
}


def deployment(kind: str = "Deployment") -> Resource:
    template = {"metadata": {"labels": LABELS}, "spec": copy.deepcopy(SPEC)}
    return kubernetes(kind, "worker", {"replicas": 2, "template": template}, annotations={CONSUMES: "work"})


GOOD = deployment()
TEMPLATE, FIRST = "spec.template.spec", "spec.template.spec.containers.0"


def case(rule: str, path: str, value: Any, says: str = "", **settings: Any) -> Case:
    """Of the good pod one property otherwise, which is the one that the message names."""
    return Case(rule, (GOOD,), (changed(GOOD, path, value),), says or path.replace(".0", "[0]"), settings)


CASES = [
    case("require-non-root", f"{TEMPLATE}.securityContext.runAsNonRoot", ...),
    case("require-non-root", f"{FIRST}.securityContext.runAsNonRoot", False),
    case("require-non-root", f"{TEMPLATE}.securityContext.runAsUser", 0),
    case("require-seccomp", f"{TEMPLATE}.securityContext.seccompProfile", ..., "seccompProfile.type"),
    case("require-seccomp", f"{FIRST}.securityContext.seccompProfile", {"type": "Unconfined"}, "is Unconfined"),
    case("forbid-privileges", f"{FIRST}.securityContext.allowPrivilegeEscalation", ...),
    case("forbid-privileges", f"{FIRST}.securityContext.privileged", True),
    case("require-dropped-capabilities", f"{FIRST}.securityContext.capabilities.drop", ["NET_RAW"]),
    case("require-dropped-capabilities", f"{FIRST}.securityContext.capabilities.add", ["SYS_ADMIN"]),
    case("forbid-host-access", f"{TEMPLATE}.hostNetwork", True),
    case("forbid-host-access", f"{TEMPLATE}.hostPID", True),
    case("forbid-host-access", f"{TEMPLATE}.volumes.0", {"name": "x", "hostPath": {"path": "/"}}),
    case("forbid-host-access", f"{FIRST}.ports.0.hostPort", 80),
    case("forbid-kernel-settings", f"{TEMPLATE}.securityContext.sysctls", [{"name": "kernel.msgmax"}]),
    case("forbid-kernel-settings", f"{FIRST}.securityContext.procMount", "Unmasked"),
    case(
        "forbid-kernel-settings",
        f"{FIRST}.securityContext.appArmorProfile",
        {"type": "Unconfined"},
    ),
    case("forbid-kernel-settings", f"{FIRST}.securityContext.seLinuxOptions", {"type": "spc_t"}),
    *(
        case("require-resources", f"{FIRST}.resources.{kind}.{key}", ...)
        for kind in ("requests", "limits")
        for key in ("cpu", "memory")
    ),
    case("require-probes", f"{FIRST}.livenessProbe", ...),
    case("require-probes", f"{FIRST}.readinessProbe", ...),
    case("require-read-only-root", f"{FIRST}.securityContext.readOnlyRootFilesystem", ...),
    case("forbid-service-account-tokens", f"{TEMPLATE}.automountServiceAccountToken", ...),
    case("require-service-accounts", f"{TEMPLATE}.serviceAccountName", "default"),
    *(case("forbid-latest-images", f"{FIRST}.image", image) for image in ("rabbitmq", "rabbitmq:latest", "r.x:1/a")),
    case("require-image-digests", f"{FIRST}.image", "rabbitmq:4.1.1"),
    case("limit-images-by-tag", f"{FIRST}.image", "rabbitmq:4.1.1"),
    case("limit-image-registries", f"{FIRST}.image", "evil.example/rabbitmq:4"),
    case("limit-image-registries", f"{FIRST}.image", "rabbitmq.evil/library/rabbitmq:4"),
    case("spread-replicas", f"{TEMPLATE}.topologySpreadConstraints", []),
    case(
        "spread-replicas",
        f"{TEMPLATE}.topologySpreadConstraints.0.labelSelector",
        {"matchLabels": {"app": "other"}},
        "topologySpreadConstraints",
    ),
    case("require-grace-periods", f"{TEMPLATE}.terminationGracePeriodSeconds", 60),
    case("require-grace-periods", f"{TEMPLATE}.terminationGracePeriodSeconds", ..., "is 30, wanted more than the 60 s"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_stops_what_it_is_for_and_lets_everything_else_pass(case: Case) -> None:
    case.check()


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "Job"])
def test_pods_are_found_whatever_makes_them(kind: str) -> None:
    privileged = changed(deployment(kind), f"{FIRST}.securityContext.privileged", True)
    assert messages("forbid-privileges", privileged)


def test_an_init_container_is_looked_at_as_well() -> None:
    bare = changed(GOOD, f"{TEMPLATE}.initContainers", [{"name": "first", "image": PINNED}])
    assert "initContainers[0]" in messages("forbid-privileges", bare)[0]


def test_an_image_may_be_named_by_tag_if_the_stack_says_so() -> None:
    tagged = changed(GOOD, f"{FIRST}.image", "rabbitmq:4.1.1")
    assert messages("require-image-digests", tagged)
    assert not messages("require-image-digests", tagged, required=False)


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("redis:8", "docker.io/library/redis"),
        ("a/b", "docker.io/a/b"),
        ("localhost/a:1", "localhost/a"),
        ("registry.example:5000/a/b:1", "registry.example:5000/a/b"),
        (f"quay.io/a@sha256:{'0' * 64}", "quay.io/a"),
    ],
)
def test_a_repository_is_named_with_its_registry(image: str, full: str) -> None:
    assert repository(image) == full
