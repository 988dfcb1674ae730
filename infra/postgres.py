"""PostgreSQL: one pod with a volume, for the reward decisions, the catalogue and the ownerships; or an external one."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet, StatefulSetSpecArgs
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    ExecActionArgs,
    LifecycleArgs,
    LifecycleHandlerArgs,
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
from infra.postgres_config import DATABASE, PORT, USER, account_file, clients_file, server_config
from infra.resources import requirements
from infra.security import APP_UID, container_context, pod_context
from infra.settings import Images, Storage
from infra.settings import Postgres as PostgresSettings

COMPONENT = "postgres"
CONFIG_DIR = "/etc/eco2-postgres"
SECRET_DIR = "/run/secrets/postgres"
DATA_DIR = "/data"
SOCKET_DIR = "/run/postgresql"
PASSWORD_KEY = "password"
START = Path(__file__).with_name("postgres-start.sh")
GRACE_SECONDS = 60
"""For the checkpoint at the end. A server that is killed before it has more to read at its next start."""


@dataclass(frozen=True, kw_only=True)
class PostgresArgs:
    namespace: str
    settings: PostgresSettings
    images: Images
    storage: Storage
    avoid_domain: str
    """The brokers' nodes."""
    external_host: pulumi.Input[str] | None = None
    """Of a server that this program makes elsewhere; one that is there already is named in the settings."""


class Postgres(pulumi.ComponentResource):
    """Ready when PostgreSQL takes connections. With an external server it is nothing but that server's name."""

    host: pulumi.Input[str]

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:postgres:Postgres", name, None, opts)
        external = args.external_host or args.settings.host
        if not external:
            self._serve(name, args)
        self.host = external or f"{name}.{args.namespace}.svc"
        self.register_outputs({"host": self.host})

    def _serve(self, name: str, args: PostgresArgs) -> None:
        metadata = metadata_of(name, args.namespace)
        child = pulumi.ResourceOptions(parent=self)
        headless = headless_name(name)
        needed = [
            ServiceAccount(name, metadata=metadata, automount_service_account_token=False, opts=child),
            ConfigMap(name, metadata=metadata, data=files(args.settings), opts=child),
            secret(name, metadata, {PASSWORD_KEY: args.settings.password}, child),
            Service(
                headless,
                metadata=metadata_of(name, args.namespace, headless),
                spec=service_spec(name, cluster_ip="None"),
                opts=child,
            ),
        ]
        protected = pulumi.ResourceOptions(parent=self, depends_on=needed, protect=args.storage.protect_data)
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
        ports=[ServicePortArgs(name="postgres", port=PORT, target_port="postgres")],
    )


def files(settings: PostgresSettings) -> dict[str, str]:
    """What is mounted into the image: it brings nothing of its own but PostgreSQL's programs."""
    return {
        "start.sh": START.read_text(),
        "postgresql.conf": server_config(settings, clients_file=f"{CONFIG_DIR}/pg_hba.conf", socket_dir=SOCKET_DIR),
        "pg_hba.conf": clients_file(),
        "passwd": account_file(APP_UID, home=DATA_DIR),
    }


def statefulset_spec(name: str, args: PostgresArgs) -> StatefulSetSpecArgs:
    # Files and password are read at the start only.
    read_at_start = fingerprint(*files(args.settings).values(), args.settings.password)
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
            metadata=ObjectMetaArgs(labels=labels(name, COMPONENT), annotations={FINGERPRINT: read_at_start}),
            spec=pod_spec(name, args),
        ),
        volume_claim_templates=[
            PersistentVolumeClaimArgs(
                metadata=ObjectMetaArgs(name="data", labels=selector(name, COMPONENT)), spec=claim
            )
        ],
    )


def pod_spec(name: str, args: PostgresArgs) -> PodSpecArgs:
    return PodSpecArgs(
        service_account_name=name,
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod_context(uid=APP_UID, fs_group=APP_UID),
        termination_grace_period_seconds=GRACE_SECONDS,
        affinity=off_nodes(args.avoid_domain),
        containers=[container(args), metrics(args)],
        volumes=[
            VolumeArgs(name="config", config_map=ConfigMapVolumeSourceArgs(name=name)),
            VolumeArgs(name="credentials", secret=SecretVolumeSourceArgs(secret_name=name, default_mode=0o440)),
            VolumeArgs(name="socket", empty_dir=EmptyDirVolumeSourceArgs()),
        ],
    )


def container(args: PostgresArgs) -> ContainerArgs:
    return ContainerArgs(
        name="postgres",
        image=args.images.postgres,
        image_pull_policy=args.images.pull_policy,
        command=["sh", f"{CONFIG_DIR}/start.sh"],
        ports=[ContainerPortArgs(name="postgres", container_port=PORT)],
        env=plain_env(
            {
                "PGDATA": f"{DATA_DIR}/pgdata",
                "DATABASE": DATABASE,
                "CONFIG_FILE": f"{CONFIG_DIR}/postgresql.conf",
                "AUTH_FILE": f"{SECRET_DIR}/{PASSWORD_KEY}",
            }
        ),
        resources=requirements(args.settings.resources),
        security_context=container_context(),
        startup_probe=probe(ANSWERS, period_seconds=2, failure_threshold=300),
        readiness_probe=probe(TAKES_CONNECTIONS, period_seconds=5, failure_threshold=2),
        liveness_probe=probe(ANSWERS, period_seconds=15, failure_threshold=4),
        # Kubernetes' own signal makes PostgreSQL wait until the last client has gone.
        lifecycle=LifecycleArgs(pre_stop=LifecycleHandlerArgs(exec_=ExecActionArgs(command=STOP))),
        volume_mounts=[
            VolumeMountArgs(name="data", mount_path=DATA_DIR),
            VolumeMountArgs(name="socket", mount_path=SOCKET_DIR),
            VolumeMountArgs(name="config", mount_path=CONFIG_DIR, read_only=True),
            # The programs look their user up, and images know different ones.
            VolumeMountArgs(name="config", mount_path="/etc/passwd", sub_path="passwd", read_only=True),
            VolumeMountArgs(name="credentials", mount_path=SECRET_DIR, read_only=True),
        ],
    )


STOP = ["pg_ctl", "stop", "--mode=fast", "--no-wait", "--silent"]
TAKES_CONNECTIONS = "pg_isready --quiet --timeout=2"
ANSWERS = f"{TAKES_CONNECTIONS} || [ $? -eq 1 ]"
"""Also while it takes none: it may be reading what a crash has left, and a restart would begin that anew."""


def metrics(args: PostgresArgs) -> ContainerArgs:
    """Beside PostgreSQL, whose password it reads from the same Secret."""
    env = [
        *plain_env({"DATA_SOURCE_URI": f"localhost:{PORT}/{DATABASE}?sslmode=disable", "DATA_SOURCE_USER": USER}),
        secret_env("DATA_SOURCE_PASS", COMPONENT, PASSWORD_KEY),
    ]
    return exporter(args.images.postgres_exporter, args.images.pull_policy, env)


def probe(script: str, *, period_seconds: int, failure_threshold: int) -> ProbeArgs:
    return ProbeArgs(
        exec_=ExecActionArgs(command=["sh", "-c", script]),
        period_seconds=period_seconds,
        timeout_seconds=3,
        failure_threshold=failure_threshold,
    )
