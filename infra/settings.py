"""The stack's settings: the only module that reads ``pulumi.Config``.

Each field names its key of the ``eco2`` namespace. Type, default and a short description of every key stand in
Pulumi.yaml, from where the engine fills in what the stack's file leaves out; here stand the unit and the reason. A test
keeps the two lists equal.
"""

import typing
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar

import pulumi

from infra.aws_settings import Aws
from infra.checks import (
    SettingsError,
    check_at_least,
    check_certificates,
    check_digests,
    check_image,
    check_one_of,
    check_password,
    check_resources,
    quantity,
)
from infra.config_keys import Key
from infra.monitoring_settings import Alerts, Monitoring
from infra.network_settings import Network
from infra.quantities import amount
from infra.resources import Resources, resources_of
from infra.service_settings import Api, Authz, Beat, Character, Logging, Model, Rewards, Savers, Tracing, Worker

CONFIG_NAMESPACE = "eco2"
REQUIRED = "required"


@dataclass(frozen=True, kw_only=True)
class Images:
    app: Annotated[str, Key("appImage")]
    """Built from app/Dockerfile; API and workers run the same image."""
    rabbitmq: Annotated[str, Key("rabbitmqImage")]
    """Default: the version that the cluster operator of this release installs by itself."""
    redis: Annotated[str, Key("redisImage")]
    postgres: Annotated[str, Key("postgresImage")]
    """17 or later: the order of its texts is its own, and does not change with the image's C library."""
    digests: Annotated[str, Key("imageDigests")]
    """``required`` refuses an image that this stack runs and that is named by a tag alone."""
    pull_policy: Annotated[str, Key("imagePullPolicy")]
    """Always: who starts on a node where the image is already must be allowed to have it as well. IfNotPresent is right
    where pods must start without the registry; tags are never moved, and nothing here accepts ``latest``."""
    cluster_operator: Annotated[str, Key("clusterOperatorImage")]
    """Empty: the image that the manifest names."""
    topology_operator: Annotated[str, Key("topologyOperatorImage")]
    """Empty: the image that the manifest names."""
    prometheus: Annotated[str, Key("prometheusImage")]
    prometheus_operator: Annotated[str, Key("prometheusOperatorImage")]
    """Empty: the image that the manifest names."""
    config_reloader: Annotated[str, Key("prometheusConfigReloaderImage")]
    """Runs beside Prometheus, of the operator's version. Empty: the image that the manifest names."""
    redis_exporter: Annotated[str, Key("redisExporterImage")]
    postgres_exporter: Annotated[str, Key("postgresExporterImage")]

    def __post_init__(self) -> None:
        for image in self.by_key().values():
            check_image(image)
        check_one_of("imageDigests", self.digests, (REQUIRED, "optional"))
        check_one_of("imagePullPolicy", self.pull_policy, ("Always", "IfNotPresent", "Never"))

    def by_key(self) -> dict[str, str]:
        """Every image by its config key."""
        return {
            key.name: getattr(self, field) for field, (_, key) in _keys(Images).items() if key.name.endswith("Image")
        }


@dataclass(frozen=True, kw_only=True)
class Operators:
    cluster_manifest: Annotated[str, Key("clusterOperatorManifest")]
    """URL or file. A relative file is taken from the project's root."""
    cluster_sha256: Annotated[str, Key("clusterOperatorManifestSha256")]
    """Hex. Empty is an error that names the command which pins it."""
    topology_manifest: Annotated[str, Key("topologyOperatorManifest")]
    topology_sha256: Annotated[str, Key("topologyOperatorManifestSha256")]
    topology_webhooks: Annotated[bool, Key("topologyWebhooks")]
    """Off by default: the webhooks check objects at admission, which the operator does again while it reconciles, and
    they need cert-manager."""


@dataclass(frozen=True, kw_only=True)
class Storage:
    storage_class: Annotated[str, Key("storageClass")]
    protect_data: Annotated[bool, Key("protectData")]
    """True makes ``pulumi destroy`` refuse to delete what holds data."""


@dataclass(frozen=True, kw_only=True)
class Rabbitmq:
    node_domain: Annotated[str, Key("rabbitmqNodeDomain")]
    """Label and taint of the brokers' nodes. Empty: a cluster without such nodes, where everything runs anywhere."""
    replicas: Annotated[int, Key("rabbitmqReplicas")]
    storage: Annotated[str, Key("rabbitmqStorage")]
    """Per broker. The disk alarm needs 1.5 times the broker's memory free in it."""
    cpu_request: Annotated[str, Key("rabbitmqCpuRequest")]
    cpu_limit: Annotated[str, Key("rabbitmqCpuLimit")]
    memory_request: Annotated[str, Key("rabbitmqMemoryRequest")]
    memory_limit: Annotated[str, Key("rabbitmqMemoryLimit")]
    delay_start_seconds: Annotated[int, Key("rabbitmqDelayStartSeconds")]
    """The operator's 30 s are for DNS servers that cache missing names; they would be half of a broker's restart."""
    termination_grace_seconds: Annotated[int, Key("rabbitmqTerminationGraceSeconds")]
    """The operator's default is a week. A broker that cannot hand over in time is killed, and Raft copes with that."""
    tls_secret: Annotated[str, Key("rabbitmqTlsSecret")]
    """Name of a Secret of type kubernetes.io/tls in the brokers' namespace, which somebody else makes and renews: its
    private key is nobody's but the brokers'. Empty: AMQP in plain."""
    tls_ca: Annotated[str, Key("rabbitmqTlsCa")]
    """PEM. The authorities that clients believe, the next one as well while the certificate moves to it."""

    def __post_init__(self) -> None:
        if self.replicas < 1 or self.replicas % 2 == 0:
            raise SettingsError(
                f"rabbitmqReplicas must be odd (got {self.replicas}): an even cluster can split into halves, and "
                f"without a majority none of them goes on. Use {max(self.replicas, 0) + 1}."
            )
        check_at_least("rabbitmqDelayStartSeconds", self.delay_start_seconds, 0)
        check_at_least("rabbitmqTerminationGraceSeconds", self.termination_grace_seconds, 30)
        check_resources("rabbitmq", self.resources)
        if bool(self.tls_secret) != bool(self.tls_ca):
            raise SettingsError(
                "rabbitmqTlsSecret and rabbitmqTlsCa need each other: brokers with TLS have no clients without its "
                "authority, and brokers without TLS none that ask for it."
            )
        if self.tls_ca:
            check_certificates("rabbitmqTlsCa", self.tls_ca)
        if quantity("rabbitmqStorage", self.storage) < 2 * quantity("rabbitmqMemoryLimit", self.memory_limit):
            raise SettingsError(
                f"rabbitmqStorage ({self.storage}) must be twice rabbitmqMemoryLimit ({self.memory_limit}) or more: "
                "below 1.5 times the memory free disk the brokers block every publisher."
            )

    @property
    def resources(self) -> Resources:
        return resources_of(self)


@dataclass(frozen=True, kw_only=True)
class Redis:
    password: Annotated[pulumi.Output[str], Key("redisPassword", check=partial(check_password, "redisPassword"))]
    storage: Annotated[str, Key("redisStorage")]
    """The append-only file, which is rewritten when it has doubled: at least twice ``max_memory``."""
    cpu_request: Annotated[str, Key("redisCpuRequest")]
    cpu_limit: Annotated[str, Key("redisCpuLimit")]
    memory_request: Annotated[str, Key("redisMemoryRequest")]
    memory_limit: Annotated[str, Key("redisMemoryLimit")]
    max_memory: Annotated[str, Key("redisMaxMemory")]
    """Data only. The rewrite of the append-only file forks, and pages that change meanwhile exist twice."""
    waitaof: Annotated[bool, Key("redisWaitAof")]
    """False: a power loss of Redis' node may lose the last second of accepted scans. True costs an fsync per POST."""

    def __post_init__(self) -> None:
        check_resources("redis", self.resources)
        held = quantity("redisMaxMemory", self.max_memory)
        if held > 0.75 * quantity("redisMemoryLimit", self.memory_limit):
            raise SettingsError(
                f"redisMaxMemory ({self.max_memory}) must be at most three quarters of redisMemoryLimit "
                f"({self.memory_limit}): Redis forks to rewrite its file, and the kernel would kill it."
            )
        if quantity("redisStorage", self.storage) < 2 * held:
            raise SettingsError(
                f"redisStorage ({self.storage}) must be twice redisMaxMemory ({self.max_memory}) or more: while the "
                "append-only file is rewritten, the old and the new one exist."
            )

    @property
    def resources(self) -> Resources:
        return resources_of(self)


CONNECTION_MEMORY = "4Mi"
"""What sorting may take for one connection, PostgreSQL's own default."""


@dataclass(frozen=True, kw_only=True)
class Postgres:
    host: Annotated[str, Key("postgresHost")]
    """Of an external server, which then has the database ``character``. Empty: one in the cluster."""
    password: Annotated[pulumi.Output[str], Key("postgresPassword", check=partial(check_password, "postgresPassword"))]
    storage: Annotated[str, Key("postgresStorage")]
    cpu_request: Annotated[str, Key("postgresCpuRequest")]
    cpu_limit: Annotated[str, Key("postgresCpuLimit")]
    memory_request: Annotated[str, Key("postgresMemoryRequest")]
    memory_limit: Annotated[str, Key("postgresMemoryLimit")]
    max_connections: Annotated[int, Key("postgresMaxConnections")]
    """Each pod of Character keeps up to 10, each other pod that writes there a few."""

    def __post_init__(self) -> None:
        check_resources("postgres", self.resources)
        check_at_least("postgresMaxConnections", self.max_connections, 20)
        if self.max_connections * amount(CONNECTION_MEMORY) > 0.5 * quantity("postgresMemoryLimit", self.memory_limit):
            raise SettingsError(
                f"postgresMaxConnections ({self.max_connections}) times {CONNECTION_MEMORY} must be at most half of "
                f"postgresMemoryLimit ({self.memory_limit}): the kernel would kill the server under load."
            )

    @property
    def resources(self) -> Resources:
        return resources_of(self)


@dataclass(frozen=True, kw_only=True)
class Settings:
    images: Images
    operators: Operators
    network: Network
    storage: Storage
    rabbitmq: Rabbitmq
    redis: Redis
    postgres: Postgres
    api: Api
    worker: Worker
    model: Model
    rewards: Rewards
    beat: Beat
    character: Character
    savers: Savers
    authz: Authz
    logging: Logging
    tracing: Tracing
    monitoring: Monitoring
    alerts: Alerts
    aws: Aws

    def __post_init__(self) -> None:
        if self.images.digests == REQUIRED:
            check_digests(self.images_run())

    def images_run(self) -> dict[str, str]:
        """The images that pods of this stack run, by their config keys."""
        elsewhere: set[str] = set()
        if self.aws.elasticache_node_type:
            elsewhere |= {"redisImage", "redisExporterImage"}
        if self.aws.rds_instance_class or self.postgres.host:
            elsewhere |= {"postgresImage", "postgresExporterImage"}
        if not self.monitoring.operator:
            elsewhere |= {"prometheusImage", "prometheusOperatorImage", "prometheusConfigReloaderImage"}
        return {key: image for key, image in self.images.by_key().items() if key not in elsewhere}


def load() -> Settings:
    """Reads the whole configuration of the stack. Raises ``SettingsError`` for the first value that cannot work."""
    config = pulumi.Config(CONFIG_NAMESPACE)
    return Settings(**{name: _group(config, group) for name, group in typing.get_type_hints(Settings).items()})


def config_keys() -> dict[str, type]:
    """Every config key with the type that this module reads it as."""
    groups = typing.get_type_hints(Settings).values()
    return {key.name: type_ for group in groups for type_, key in _keys(group).values()}


Group = TypeVar("Group")


def _group(config: pulumi.Config, group: type[Group]) -> Group:
    return group(**{field: _read(config, type_, key) for field, (type_, key) in _keys(group).items()})


def _keys(group: type) -> dict[str, tuple[type, Key]]:
    """The type and the key of each field."""
    hints = typing.get_type_hints(group, include_extras=True)
    return {field: typing.get_args(hint) for field, hint in hints.items()}


def _read(config: pulumi.Config, type_: type, key: Key) -> object:
    if type_ is int:
        return config.require_int(key.name)
    if type_ is bool:
        return config.require_bool(key.name)
    if type_ is str:
        return config.require(key.name)
    return config.require_secret(key.name).apply(key.check)
