"""One service of the app image: ServiceAccount, Deployment and, where it is called, a Service."""

from collections.abc import Mapping
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
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from app import topology
from infra import app_pod
from infra.app_pod import AppPodArgs
from infra.disruption import one_at_a_time
from infra.labels import labels, selector
from infra.placement import spread

GRACE_SECONDS = 90
"""From SIGTERM to SIGKILL: a worker ends, or hands back, the scans that it holds."""
ROUTES_SETTLE_SECONDS = 5
"""How long nodes may still send a pod new connections after it was told to end."""


@dataclass(frozen=True, kw_only=True)
class Port:
    name: str
    number: int


METRICS = Port(name="metrics", number=9000)
"""Health pages and metrics of what is not called by HTTP."""


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """The Service by which others call a service: its port, and the one of the pods that is behind it."""

    port: int
    target: Port
    type: str = "ClusterIP"
    headless: bool = False
    """Clients get the pods' own addresses and spread their calls over them; then both ports must be the same."""


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How far an update may go above and below the wanted number of pods."""

    surge: int
    unavailable: int


KEEP_ALL = Rollout(surge=1, unavailable=0)
"""For servers: a new pod is ready before an old one goes."""
REPLACE_ONE = Rollout(surge=0, unavailable=1)
"""For consumers: their messages wait, and no node needs room for one pod more."""
NEVER_TWO = None
"""For what must not run twice: the old pod has ended before the new one starts."""


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
CACHE = Probes(startup="/livez", startup_seconds=60, readiness="/readyz")
"""For servers that answer from a copy of data elsewhere, and whose readiness says that they have it: nobody asks them
before that, however long the source is away, and they answer when it goes away later."""


@dataclass(frozen=True, kw_only=True)
class AppServiceArgs(AppPodArgs):
    port: Port
    """The port of the health pages and the metrics; for a web server its API as well."""
    replicas: int
    most_replicas: int | None = None
    """What an autoscaler (infra/autoscaling.py) may go up to from ``replicas``. None: there is no autoscaler."""
    rollout: Rollout | None
    probes: Probes
    pod_annotations: Mapping[str, pulumi.Input[str]]
    """What must replace the pods when it changes, and is in no other part of them."""
    exposure: Exposure | None = None
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
            metadata=ObjectMetaArgs(
                name=name,
                namespace=args.namespace,
                labels=labels(args.application, name),
                annotations=messages_of(name),
            ),
            spec=deployment_spec(name, args),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[account]),
        )
        self.service = None
        if args.exposure is not None:
            behind = pulumi.ResourceOptions(parent=self, depends_on=[deployment])
            spec = service_spec(args.exposure, selector(args.application, name))
            self.service = Service(name, metadata=metadata, spec=spec, opts=behind)
        if most_pods(args) > 1:
            one_at_a_time(name, metadata, selector(args.application, name), child)
        self.register_outputs({})


def messages_of(service: str) -> dict[str, str]:
    """What it does on the broker, as annotations: a container's command does not say it, and policies ask for it."""
    own = next(one for one in topology.SERVICES if one.name == service)
    named = {"consumes": own.consumes, "publishes": own.publishes, "listens": own.listens}
    return {f"eco2.dev/{doing}": ",".join(names) for doing, names in named.items() if names}


def most_pods(args: AppServiceArgs) -> int:
    return args.most_replicas or args.replicas


def deployment_spec(name: str, args: AppServiceArgs) -> DeploymentSpecArgs:
    return DeploymentSpecArgs(
        # What is said here is said again with every update: it would undo what an autoscaler has done.
        replicas=args.replicas if args.most_replicas is None else None,
        selector=LabelSelectorArgs(match_labels=selector(args.application, name)),
        strategy=strategy(args.rollout),
        template=PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(args.application, name), annotations=args.pod_annotations),
            spec=pod_spec(name, args),
        ),
    )


def strategy(rollout: Rollout | None) -> DeploymentStrategyArgs:
    if rollout is None:
        return DeploymentStrategyArgs(type="Recreate")
    return DeploymentStrategyArgs(
        type="RollingUpdate",
        rolling_update=RollingUpdateDeploymentArgs(max_surge=rollout.surge, max_unavailable=rollout.unavailable),
    )


def pod_spec(name: str, args: AppServiceArgs) -> PodSpecArgs:
    spec = app_pod.pod_spec(name, args, container(name, args))
    spec.termination_grace_period_seconds = GRACE_SECONDS
    if most_pods(args) > 1:
        spec.topology_spread_constraints = spread(selector(args.application, name))
    return spec


def container(name: str, args: AppServiceArgs) -> ContainerArgs:
    own = app_pod.container(name, args)
    own.ports = [ContainerPortArgs(name=port.name, container_port=port.number) for port in ports(args)]
    own.startup_probe = probe(
        args.probes.startup, args.port, period_seconds=1, failure_threshold=args.probes.startup_seconds
    )
    own.liveness_probe = probe("/livez", args.port, period_seconds=10, failure_threshold=3)
    own.readiness_probe = probe(args.probes.readiness, args.port, period_seconds=5, failure_threshold=2)
    if args.exposure is not None:
        settle = SleepActionArgs(seconds=ROUTES_SETTLE_SECONDS)
        own.lifecycle = LifecycleArgs(pre_stop=LifecycleHandlerArgs(sleep=settle))
    return own


def ports(args: AppServiceArgs) -> list[Port]:
    """First the one that is probed."""
    is_other = args.exposure is not None and args.exposure.target != args.port
    return [args.port, args.exposure.target] if args.exposure is not None and is_other else [args.port]


def probe(path: str, port: Port, *, period_seconds: int, failure_threshold: int) -> ProbeArgs:
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path=path, port=port.name),
        period_seconds=period_seconds,
        timeout_seconds=3,
        failure_threshold=failure_threshold,
    )


def service_spec(exposure: Exposure, pods: Mapping[str, str]) -> ServiceSpecArgs:
    return ServiceSpecArgs(
        type=exposure.type,
        cluster_ip="None" if exposure.headless else None,
        selector=pods,
        ports=[ServicePortArgs(name=exposure.target.name, port=exposure.port, target_port=exposure.target.name)],
    )
