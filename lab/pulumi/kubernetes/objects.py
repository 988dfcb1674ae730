"""Kubernetes objects as plain dicts: what kind they are, what they are called, what their annotations ask for."""

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

ANNOTATION_AUTONAMED = "pulumi.com/autonamed"
ANNOTATION_SKIP_AWAIT = "pulumi.com/skipAwait"
ANNOTATION_WAIT_FOR = "pulumi.com/waitFor"
ANNOTATION_TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds"
ANNOTATION_REPLACE_UNREADY = "pulumi.com/replaceUnready"
ANNOTATION_PATCH_FORCE = "pulumi.com/patchForce"
ANNOTATION_FIELD_MANAGER = "pulumi.com/patchFieldManager"
ANNOTATION_DELETION_PROPAGATION = "pulumi.com/deletionPropagationPolicy"

CLUSTER_SCOPED = frozenset(
    {
        ("", "Namespace"),
        ("", "Node"),
        ("", "PersistentVolume"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
        ("networking.k8s.io", "IngressClass"),
        ("node.k8s.io", "RuntimeClass"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("scheduling.k8s.io", "PriorityClass"),
        ("storage.k8s.io", "CSIDriver"),
        ("storage.k8s.io", "StorageClass"),
    }
)
"""Group and kind of built-in objects without a namespace, for when no API server can be asked."""


@dataclass(frozen=True)
class Kind:
    """An object's group ("" for the core group), version and kind."""

    group: str
    version: str
    name: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def built_in(self) -> bool:
        """Whether it belongs to Kubernetes itself: custom resources have groups with a domain of their own."""
        return "." not in self.group or self.group.endswith(".k8s.io")


def kind_of(obj: Object) -> Kind:
    return _kind(text(obj, "apiVersion"), text(obj, "kind"))


def kind_of_token(token: str) -> Kind:
    """The kind that a Pulumi type names: ``kubernetes:core/v1:Secret`` or ``kubernetes:apps/v1:Deployment``.

    Raises ValueError for a type which is not one of Kubernetes' objects.
    """
    package, _, rest = token.partition(":")
    api_version, _, name = rest.partition(":")
    if package != "kubernetes" or api_version.count("/") != 1 or not name:
        raise ValueError(f"{token} is no Kubernetes object: the type must read kubernetes:<group>/<version>:<Kind>")
    return _kind(api_version.removeprefix("core/"), name)


def _kind(api_version: str, name: str) -> Kind:
    group, _, version = api_version.rpartition("/")
    return Kind("" if group == "core" else group, version, name)


def is_patch(token: str, obj: Object) -> bool:
    """Whether a resource only manages some fields of an object which is not its own, as ``NamespacePatch`` does."""
    return kind_of_token(token).name == text(obj, "kind") + "Patch"


def dig(value: Any, *path: str | int) -> Any:
    """What lies at a path, None when the path breaks off."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def text(value: Any, *path: str | int) -> str:
    """The string at a path; "" when there is none, or when it is not known yet."""
    found = dig(value, *path)
    return found if isinstance(found, str) else ""


def number(value: Any, *path: str | int) -> int:
    """The whole number at a path, 0 when there is none."""
    found = dig(value, *path)
    return found if isinstance(found, int) else 0


def items(value: Any, *path: str | int) -> list[Any]:
    """The list at a path, empty when there is none."""
    found = dig(value, *path)
    return found if isinstance(found, list) else []


def name_of(obj: Object) -> str:
    return text(obj, "metadata", "name")


def namespace_of(obj: Object) -> str:
    return text(obj, "metadata", "namespace")


def annotation(obj: Object, key: str) -> str:
    return text(obj, "metadata", "annotations", key)


def is_annotated(obj: Object, key: str) -> bool:
    return annotation(obj, key) == "true"


def condition(obj: Object, kind: str) -> Object | None:
    """The entry of ``status.conditions`` with this type."""
    return next((entry for entry in items(obj, "status", "conditions") if text(entry, "type") == kind), None)


def owned_by(obj: Object, owner: Object) -> bool:
    uid = text(owner, "metadata", "uid")
    return any(text(reference, "uid") == uid for reference in items(obj, "metadata", "ownerReferences"))


def label(obj: Object) -> str:
    """How messages call an object: its kind with its id."""
    return f"{text(obj, 'kind')} {identifier(obj)}"


def identifier(obj: Object) -> str:
    """The id in Pulumi's state: ``namespace/name``, or ``name`` for what has no namespace."""
    namespace = namespace_of(obj)
    return f"{namespace}/{name_of(obj)}" if namespace else name_of(obj)


def split_identifier(identifier: str) -> tuple[str, str]:
    """Namespace ("" if none) and name of an id."""
    namespace, _, name = identifier.rpartition("/")
    return namespace, name
