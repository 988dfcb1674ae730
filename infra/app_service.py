"""One service of the app image: ServiceAccount, Deployment and, where it is called, a Service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
)
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    HTTPGetActionArgs,
    LifecycleArgs,
    LifecycleHandlerArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    SleepActionArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.labels import labels, selector
from infra.placement import off_nodes, spread
from infra.resources import Resources, requirements
from infra.security import APP_UID, container_context, pod_context

GRACE_SECONDS = 90
"""From SIGTERM to SIGKILL: a worker ends, or hands back, the scans that it holds."""
TMP_SIZE = "1Gi"
"""/tmp, the only place that a service may write to. 64 uploads of 10 MiB may be spooled there at the same time."""
ROUTES_SETTLE_SECONDS = 5
"""How long nodes may still send a pod new connections after it was told to end."""


@dataclass(frozen=True, kw_only=True)
class Port:
    """The port of the health pages and the metrics; for a server its API as well."""

    name: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How far an update may go above and below the wanted number of pods."""

    surge: int
    unavailable: int


KEEP_ALL = Rollout(surge=1, unavailable=0)
"""For servers: a new pod is ready before an old one goes."""
REPLACE_ONE = Rollout(surge=0, unavailable=1)
"""For consumers: their messages wait, and no node needs room for one pod more."""


@dataclass(frozen=True, kw_only=True)
class Probes:
    """The pages by which kubelet judges a pod.

    ``startup`` is asked every second until it is fine once, and liveness not before that: a pod whose start hangs is
    restarted after ``startup_seconds``. Liveness is the process' own page: no restart brings a dependency back.
    """

    startup: str
    startup_seconds: int
    readiness: str


SERVER = Probes(startup="/readyz", startup_seconds=600, readiness="/livez")
"""For servers: a new pod must have reached what it needs before an old one goes. Later its loss takes no pod out
of the Service: all pods share it, and clients would be refused instead of told 503 and when to come back. Ten
minutes outlast an outage, and are what a rollout has before it is reported as stuck."""
CONSUMER = Probes(startup="/livez", startup_seconds=60, readiness="/readyz")
"""For consumers: nobody calls them, so readiness may tell people and rollouts whether they consume."""


@dataclass(frozen=True, kw_only=True)
class AppServiceArgs:
    namespace: str
    application: str
    """What the service belongs to; its own name is the component within that."""
    image: str
    pull_policy: str
    command: Sequence[str]
    port: Port
    replicas: int
    rollout: Rollout
    probes: Probes
    resources: Resources
    avoid_domain: str
    """The brokers' nodes."""
    env: Sequence[EnvVarArgs]
    pod_annotations: Mapping[str, pulumi.Input[str]]
    """What must replace the pods when it changes, and is in no other part of them."""
    service_type: str | None
    """None: nobody calls it."""


class AppService(pulumi.ComponentResource):
    """``name`` is the name of each of its objects. Ready when all replicas are."""

    service: Service | None

    def __init__(self, name: str, args: AppServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:app_service:AppService", name, None, opts)
        metadata = ObjectMetaArgs(name=name, namespace=args.namespace, labels=labels(args.application, name))
        child = pulumi.ResourceOptions(parent=self)
        account = ServiceAccount(name, metadata=metadata, automount_service_account_token=False, opts=child)
        deployment = Deployment(
            name,
            metadata=metadata,
            spec=deployment_spec(name, args),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[account]),
        )
        self.service = None
        if args.service_type is not None:
            behind = pulumi.ResourceOptions(parent=self, depends_on=[deployment])
            self.service = Service(name, metadata=metadata, spec=service_spec(name, args), opts=behind)
        self.register_outputs({})


def deployment_spec(name: str, args: AppServiceArgs) -> DeploymentSpecArgs:
    return DeploymentSpecArgs(
        replicas=args.replicas,
        selector=LabelSelectorArgs(match_labels=selector(args.application, name)),
        strategy=DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=RollingUpdateDeploymentArgs(
                max_surge=args.rollout.surge, max_unavailable=args.rollout.unavailable
            ),
        ),
        template=PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(args.application, name), annotations=args.pod_annotations),
            spec=pod_spec(name, args),
        ),
    )


def pod_spec(name: str, args: AppServiceArgs) -> PodSpecArgs:
    return PodSpecArgs(
        service_account_name=name,
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod_context(uid=APP_UID),
        termination_grace_period_seconds=GRACE_SECONDS,
        affinity=off_nodes(args.avoid_domain),
        topology_spread_constraints=spread(selector(args.application, name)) if args.replicas > 1 else None,
        containers=[container(name, args)],
        volumes=[VolumeArgs(name="tmp", empty_dir=EmptyDirVolumeSourceArgs(size_limit=TMP_SIZE))],
    )


def container(name: str, args: AppServiceArgs) -> ContainerArgs:
    settle = LifecycleArgs(pre_stop=LifecycleHandlerArgs(sleep=SleepActionArgs(seconds=ROUTES_SETTLE_SECONDS)))
    return ContainerArgs(
        name=name,
        image=args.image,
        image_pull_policy=args.pull_policy,
        command=list(args.command),
        ports=[ContainerPortArgs(name=args.port.name, container_port=args.port.number)],
        env=list(args.env),
        resources=requirements(args.resources),
        security_context=container_context(),
        startup_probe=probe(
            args.probes.startup, args.port, period_seconds=1, failure_threshold=args.probes.startup_seconds
        ),
        liveness_probe=probe("/livez", args.port, period_seconds=10, failure_threshold=3),
        readiness_probe=probe(args.probes.readiness, args.port, period_seconds=5, failure_threshold=2),
        lifecycle=settle if args.service_type is not None else None,
        volume_mounts=[VolumeMountArgs(name="tmp", mount_path="/tmp")],
    )


def probe(path: str, port: Port, *, period_seconds: int, failure_threshold: int) -> ProbeArgs:
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path=path, port=port.name),
        period_seconds=period_seconds,
        timeout_seconds=3,
        failure_threshold=failure_threshold,
    )


def service_spec(name: str, args: AppServiceArgs) -> ServiceSpecArgs:
    return ServiceSpecArgs(
        type=args.service_type,
        selector=selector(args.application, name),
        ports=[ServicePortArgs(name=args.port.name, port=80, target_port=args.port.name)],
    )
