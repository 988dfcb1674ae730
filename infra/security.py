"""What Pod Security ``restricted`` asks of a pod, and of a namespace to enforce it."""

from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    PodSecurityContextArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
)

APP_UID = 10001
"""The user of the app image. Above 10,000 it collides with no user of the node."""

NAMESPACE_LABELS = {
    "pod-security.kubernetes.io/enforce": "restricted",
    # A version of its own, so that an upgrade of the cluster does not change what is let in.
    "pod-security.kubernetes.io/enforce-version": "v1.30",
}


def pod_context(uid: int | None = None, fs_group: int | None = None) -> PodSecurityContextArgs:
    """Without ``uid`` the image's user, or whoever else makes the pod, decides; root is refused either way."""
    return PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=uid,
        run_as_group=uid,
        fs_group=fs_group,
        seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_context(*, read_only_root: bool = True) -> SecurityContextArgs:
    return SecurityContextArgs(
        allow_privilege_escalation=False,
        capabilities=CapabilitiesArgs(drop=["ALL"]),
        read_only_root_filesystem=read_only_root,
    )
