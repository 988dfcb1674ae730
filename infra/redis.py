"""Redis: one pod with an append-only file, for the scans' states, photos and outbox."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet, StatefulSetSpecArgs
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    ContainerPortArgs,
    ExecActionArgs,
    PersistentVolumeClaimArgs,
    PersistentVolumeClaimSpecArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    SecretVolumeSourceArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.credentials import FINGERPRINT, fingerprint, plain_env, secret, secret_env
from infra.exporter import exporter
from infra.labels import labels, selector
from infra.placement import off_nodes
from infra.quantities import amount
from infra.resources import requirements
from infra.security import APP_UID, container_context, pod_context
from infra.settings import Images, Storage
from infra.settings import Redis as RedisSettings

PORT = 6379
COMPONENT = "redis"
CONFIG_DIR = "/etc/redis"
SECRET_DIR = "/run/secrets/redis"
DATA_DIR = "/data"
PASSWORD_KEY = "password"
INCLUDE_KEY = "auth.conf"


@dataclass(frozen=True, kw_only=True)
class RedisArgs:
    namespace: str
    settings: RedisSettings
    images: Images
    storage: Storage
    avoid_domain: str
    """The brokers' nodes."""
    external_host: pulumi.Input[str] | None = None
    """Of a server that takes TLS alone. None: one in the cluster."""


class Redis(pulumi.ComponentResource):
    """Ready when Redis answers. It runs beside the data nodes, not on them: its memory is not the brokers'.

    With an external server it is nothing but that server's name.
    """

    host: pulumi.Input[str]
    tls: bool
    """Whether clients connect by TLS: outside of the cluster's network they must."""

    def __init__(self, name: str, args: RedisArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:redis:Redis", name, None, opts)
        self.tls = args.external_host is not None
        if args.external_host is None:
            self._serve(name, args)
        self.host = args.external_host or f"{name}.{args.namespace}.svc"
        self.register_outputs({"host": self.host})

    def _serve(self, name: str, args: RedisArgs) -> None:
        metadata = metadata_of(name, args.namespace)
        child = pulumi.ResourceOptions(parent=self)
        conf = {"redis.conf": redis_config(args.settings)}
        headless = headless_name(name)
        needed = [
            ServiceAccount(name, metadata=metadata, automount_service_account_token=False, opts=child),
            ConfigMap(name, metadata=metadata, data=conf, opts=child),
            secret(name, metadata, secret_values(args.settings.password), child),
            Service(
                headless,
                metadata=metadata_of(name, args.namespace, headless),
                spec=service_spec(name, cluster_ip="None"),
                opts=child,
            ),
        ]
        protect = args.storage.protect_data
        protected = pulumi.ResourceOptions(parent=self, depends_on=needed, protect=protect)
        server = StatefulSet(name, metadata=metadata, spec=statefulset_spec(name, args), opts=protected)
        behind = pulumi.ResourceOptions(parent=self, depends_on=[server])
        Service(name, metadata=metadata, spec=service_spec(name), opts=behind)


def headless_name(name: str) -> str:
    """The Service that a StatefulSet asks for. Clients take the other one, whose address outlives the pod."""
    return f"{name}-headless"


def metadata_of(name: str, namespace: str, object_name: str | None = None) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=object_name or name, namespace=namespace, labels=labels(name, COMPONENT))


def service_spec(name: str, cluster_ip: str | None = None) -> ServiceSpecArgs:
    return ServiceSpecArgs(
        cluster_ip=cluster_ip,
        selector=selector(name, COMPONENT),
        ports=[ServicePortArgs(name="redis", port=PORT, target_port="redis")],
    )


def statefulset_spec(name: str, args: RedisArgs) -> StatefulSetSpecArgs:
    mine = labels(name, COMPONENT)
    # Configuration and password are read at the start only.
    read_at_start = fingerprint(redis_config(args.settings), args.settings.password)
    claim = PersistentVolumeClaimSpecArgs(
        access_modes=["ReadWriteOnce"],
        storage_class_name=args.storage.storage_class,
        resources=VolumeResourceRequirementsArgs(requests={"storage": args.settings.storage}),
    )
    return StatefulSetSpecArgs(
        service_name=headless_name(name),
        replicas=1,
        selector=LabelSelectorArgs(match_labels=selector(name, COMPONENT)),
        template=PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=mine, annotations={FINGERPRINT: read_at_start}),
            spec=pod_spec(name, args),
        ),
        volume_claim_templates=[
            PersistentVolumeClaimArgs(
                metadata=ObjectMetaArgs(name="data", labels=selector(name, COMPONENT)), spec=claim
            )
        ],
    )


def redis_config(redis: RedisSettings) -> str:
    lines = {
        "dir": DATA_DIR,
        "appendonly": "yes",
        "appendfsync": "everysec",
        # The append-only file is the record; snapshots beside it would fork for nothing.
        "save": '""',
        "maxmemory": int(amount(redis.max_memory)),
        # A full Redis refuses writes, and the API answers 429. Evicting would drop accepted scans.
        "maxmemory-policy": "noeviction",
        "tcp-keepalive": 60,
        "include": f"{SECRET_DIR}/{INCLUDE_KEY}",
    }
    return "".join(f"{key} {value}\n" for key, value in lines.items())


def secret_values(password: pulumi.Output[str]) -> dict[str, pulumi.Input[str]]:
    """The password for clients, and as the line by which the server reads it: from a file, never from its arguments."""
    return {
        PASSWORD_KEY: password,
        INCLUDE_KEY: password.apply(lambda value: f"requirepass {value}\n"),
    }


def pod_spec(name: str, args: RedisArgs) -> PodSpecArgs:
    return PodSpecArgs(
        service_account_name=name,
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod_context(uid=APP_UID, fs_group=APP_UID),
        termination_grace_period_seconds=30,
        affinity=off_nodes(args.avoid_domain),
        containers=[container(args), metrics(args)],
        volumes=[
            VolumeArgs(name="config", config_map=ConfigMapVolumeSourceArgs(name=name)),
            VolumeArgs(name="credentials", secret=SecretVolumeSourceArgs(secret_name=name, default_mode=0o440)),
        ],
    )


def container(args: RedisArgs) -> ContainerArgs:
    return ContainerArgs(
        name="redis",
        image=args.images.redis,
        image_pull_policy=args.images.pull_policy,
        command=["redis-server", f"{CONFIG_DIR}/redis.conf"],
        ports=[ContainerPortArgs(name="redis", container_port=PORT)],
        resources=requirements(args.settings.resources),
        security_context=container_context(),
        startup_probe=ping(period_seconds=2, failure_threshold=150),
        readiness_probe=ping(period_seconds=5, failure_threshold=2),
        liveness_probe=ping(period_seconds=15, failure_threshold=4),
        volume_mounts=[
            VolumeMountArgs(name="data", mount_path=DATA_DIR),
            VolumeMountArgs(name="config", mount_path=CONFIG_DIR, read_only=True),
            VolumeMountArgs(name="credentials", mount_path=SECRET_DIR, read_only=True),
        ],
    )


def metrics(args: RedisArgs) -> ContainerArgs:
    """Beside Redis, whose password it reads from the same Secret."""
    env = [
        *plain_env({"REDIS_ADDR": f"redis://localhost:{PORT}"}),
        secret_env("REDIS_PASSWORD", COMPONENT, PASSWORD_KEY),
    ]
    return exporter(args.images.redis_exporter, args.images.pull_policy, env)


def ping(*, period_seconds: int, failure_threshold: int) -> ProbeArgs:
    """PONG only comes once the append-only file is loaded. The password comes from its file: arguments can be seen."""
    script = f'REDISCLI_AUTH="$(cat {SECRET_DIR}/{PASSWORD_KEY})" redis-cli -p {PORT} ping | grep -q PONG'
    return ProbeArgs(
        exec_=ExecActionArgs(command=["sh", "-c", script]),
        period_seconds=period_seconds,
        timeout_seconds=3,
        failure_threshold=failure_threshold,
    )
