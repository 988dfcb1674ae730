"""The program: settings in, components wired in the order in which they need each other, outputs out."""

import pulumi

from app import topology
from infra import namespaces, outputs, settings
from infra.authz import Authz, AuthzArgs
from infra.aws import cloud
from infra.character import Character, CharacterArgs
from infra.namespaces import Namespaces, NamespacesArgs
from infra.operators import Operator, cluster_operator_args, topology_operator_args
from infra.platform import Platform
from infra.postgres import Postgres, PostgresArgs
from infra.rabbitmq import Broker, BrokerArgs
from infra.redis import Redis, RedisArgs
from infra.rewards import Rewards, RewardsArgs
from infra.scan import Scan, ScanArgs
from infra.topology import Topology, TopologyArgs
from infra.users import User, UserArgs

BROKER = "eco2-rabbitmq"


def after(*needed: pulumi.Resource) -> pulumi.ResourceOptions:
    """Made after ``needed`` is ready, destroyed before it."""
    return pulumi.ResourceOptions(depends_on=list(needed))


config = settings.load()
images, storage = config.images, config.storage
# Read before anything is made: a manifest that is not the pinned one ends the program here.
cluster_operator_as_pinned = cluster_operator_args(config.operators, images)
topology_operator_as_pinned = topology_operator_args(config.operators, images)

aws = cloud(config)
spaces = Namespaces("namespace", NamespacesArgs(protect=storage.protect_data)).by_name

operators_space = spaces[namespaces.OPERATORS]
cluster_operator = Operator("cluster-operator", cluster_operator_as_pinned, after(operators_space))
topology_operator = Operator("topology-operator", topology_operator_as_pinned, after(operators_space))

broker = Broker(
    BROKER,
    BrokerArgs(
        namespace=namespaces.RABBITMQ,
        settings=config.rabbitmq,
        images=images,
        storage=storage,
        user_namespaces=tuple(sorted({service.namespace for service in topology.SERVICES})),
    ),
    after(cluster_operator, spaces[namespaces.RABBITMQ], *aws.nodes, *aws.volumes),
)
messages = Topology(
    "topology",
    TopologyArgs(namespace=namespaces.RABBITMQ, cluster=broker.reference, protect=storage.protect_data),
    after(broker, topology_operator),
)
users = {
    service.name: User(
        service.name,
        UserArgs(service=service, cluster=broker.reference),
        after(messages.vhost, spaces[service.namespace]),
    )
    for service in topology.SERVICES
}
redis = Redis(
    "redis",
    RedisArgs(
        namespace=namespaces.REDIS,
        settings=config.redis,
        images=images,
        storage=storage,
        avoid_domain=config.rabbitmq.node_domain,
        external_host=aws.redis_host,
    ),
    after(spaces[namespaces.REDIS], *aws.volumes),
)
postgres = Postgres(
    "postgres",
    PostgresArgs(
        namespace=namespaces.POSTGRES,
        settings=config.postgres,
        images=images,
        storage=storage,
        avoid_domain=config.rabbitmq.node_domain,
        external_host=aws.postgres_host,
    ),
    after(spaces[namespaces.POSTGRES], *aws.volumes),
)
platform = Platform(
    images=images,
    log_level=config.logging.level,
    redis=config.redis,
    postgres=config.postgres,
    rabbitmq_host=broker.host,
    redis_host=redis.host,
    redis_tls=redis.tls,
    postgres_host=postgres.host,
    users=users,
    avoid_domain=config.rabbitmq.node_domain,
)
scan = Scan(
    "scan",
    ScanArgs(namespace=namespaces.SCAN, platform=platform, api=config.api, worker=config.worker, model=config.model),
    after(messages, *users.values(), redis, spaces[namespaces.SCAN]),
)
character = Character(
    "character",
    CharacterArgs(namespace=namespaces.CHARACTER, platform=platform, service=config.character, savers=config.savers),
    after(messages, *users.values(), postgres, spaces[namespaces.CHARACTER]),
)
Rewards(
    "rewards",
    RewardsArgs(
        namespace=namespaces.SCAN,
        platform=platform,
        api=config.api,
        worker=config.rewards,
        beat=config.beat,
        character_host=character.host,
    ),
    after(scan, character),
)
Authz(
    "auth",
    AuthzArgs(namespace=namespaces.AUTH, platform=platform, service=config.authz),
    after(messages, *users.values(), redis, spaces[namespaces.AUTH]),
)

for name, value in {**outputs.exports(scan.service, BROKER), **aws.outputs}.items():
    pulumi.export(name, value)
