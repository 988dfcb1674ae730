"""A pod of the app image: what services and jobs have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    PodSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from infra.placement import off_nodes
from infra.resources import Resources, requirements
from infra.security import APP_UID, container_context, pod_context
from infra.settings import Images

TMP_SIZE = "1Gi"
"""/tmp, the only place that a pod may write to. 64 uploads of 10 MiB may be spooled there at the same time."""


@dataclass(frozen=True, kw_only=True)
class AppPodArgs:
    namespace: str
    application: str
    """What the pod belongs to; its own name is the component within that."""
    images: Images
    command: Sequence[str]
    resources: Resources
    avoid_domain: str
    """The brokers' nodes."""
    env: Sequence[EnvVarArgs]
    config_maps: Mapping[str, str] = field(default_factory=dict)
    """Folders by the names of the ConfigMaps that are mounted there."""


def pod_spec(name: str, args: AppPodArgs, container: ContainerArgs) -> PodSpecArgs:
    """``name`` is the service account's as well."""
    return PodSpecArgs(
        service_account_name=name,
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod_context(uid=APP_UID),
        affinity=off_nodes(args.avoid_domain),
        containers=[container],
        volumes=[
            VolumeArgs(name="tmp", empty_dir=EmptyDirVolumeSourceArgs(size_limit=TMP_SIZE)),
            *(VolumeArgs(name=name, config_map=ConfigMapVolumeSourceArgs(name=name)) for name in args.config_maps),
        ],
    )


def container(name: str, args: AppPodArgs) -> ContainerArgs:
    return ContainerArgs(
        name=name,
        image=args.images.app,
        image_pull_policy=args.images.pull_policy,
        command=list(args.command),
        env=list(args.env),
        resources=requirements(args.resources),
        security_context=container_context(),
        volume_mounts=[
            VolumeMountArgs(name="tmp", mount_path="/tmp"),
            *(
                VolumeMountArgs(name=name, mount_path=folder, read_only=True)
                for name, folder in args.config_maps.items()
            ),
        ],
    )
