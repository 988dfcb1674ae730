"""The program: settings in, components wired in the order in which they need each other, outputs out."""

import pulumi

from app import topology
from infra import namespaces, outputs, settings
from infra.authz import Authz, AuthzArgs
from infra.autoscaling import Autoscaling, AutoscalingArgs
from infra.aws import cloud
from infra.broker_trust import BrokerTrust, BrokerTrustArgs
from infra.character import Character, CharacterArgs
from infra.flows import flows
from infra.monitoring import operator as prometheus_operator
from infra.monitoring import targets
from infra.monitoring.alerts import AlertRules, AlertRulesArgs
from infra.monitoring.dashboards.configmaps import Dashboards, DashboardsArgs
from infra.monitoring.prometheus import Prometheus, PrometheusArgs
from infra.monitoring.targets import Targets, TargetsArgs
from infra.namespaces import Namespaces, NamespacesArgs
from infra.network import Network, NetworkArgs
from infra.operators import Operator, cluster_operator_args, topology_operator_args
from infra.platform import Platform
from infra.postgres import Postgres, PostgresArgs
from infra.rabbitmq import CLUSTER, Broker, BrokerArgs, amqp_port
from infra.redis import Redis, RedisArgs
from infra.rewards import Rewards, RewardsArgs
from infra.scan import Scan, ScanArgs
from infra.service_settings import KEDA
from infra.topology import Topology, TopologyArgs
from infra.users import User, UserArgs


def after(*needed: pulumi.Resource) -> pulumi.ResourceOptions:
    """Made after ``needed`` is ready, destroyed before it."""
    return pulumi.ResourceOptions(depends_on=list(needed))


config = settings.load()
images, storage = config.images, config.storage
# Read before anything is made: a manifest that is not the pinned one ends the program here.
cluster_operator_as_pinned = cluster_operator_args(config.operators, images)
topology_operator_as_pinned = topology_operator_args(config.operators, images)
monitoring = config.monitoring
prometheus_operator_as_pinned = (
    prometheus_operator.operator_args(monitoring, images, namespaces.MONITORING) if monitoring.operator else None
)

aws = cloud(config)
own_redis = aws.redis_host is None
own_postgres = not config.postgres.host and aws.postgres_host is None
spaces = Namespaces("namespace", NamespacesArgs(protect=storage.protect_data, in_mesh=config.network.istio))
# Whatever is in a namespace comes after the policies that close it.
network = Network(
    "network",
    NetworkArgs(
        flows=flows(
            config.network,
            config.model,
            config.tracing,
            amqp_port=amqp_port(config.rabbitmq),
            keda=config.worker.scaling == KEDA,
            own_redis=own_redis,
            own_postgres=own_postgres,
            own_prometheus=config.monitoring.operator,
        )
    ),
    after(spaces),
)

cluster_operator = Operator("cluster-operator", cluster_operator_as_pinned, after(network))
topology_operator = Operator("topology-operator", topology_operator_as_pinned, after(network))

definers: list[pulumi.Resource] = []
if prometheus_operator_as_pinned is not None:
    definers = [Operator(prometheus_operator.NAME, prometheus_operator_as_pinned, after(network))]

broker = Broker(
    CLUSTER,
    BrokerArgs(
        namespace=namespaces.RABBITMQ,
        settings=config.rabbitmq,
        images=images,
        storage=storage,
        user_namespaces=tuple(sorted({service.namespace for service in topology.SERVICES})),
    ),
    after(cluster_operator, network, *aws.nodes, *aws.volumes),
)
trust = BrokerTrust(
    "broker-trust",
    BrokerTrustArgs(namespaces=namespaces.APP, certificates=config.rabbitmq.tls_ca),
    after(network),
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
        after(messages.vhost, network),
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
    after(network, *aws.volumes),
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
    after(network, *aws.volumes),
)
platform = Platform(
    images=images,
    log_level=config.logging.level,
    otlp_endpoint=config.tracing.endpoint,
    rabbitmq=config.rabbitmq,
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
    after(messages, *users.values(), redis, trust, network),
)
Autoscaling(
    "autoscaling",
    AutoscalingArgs(
        namespace=namespaces.SCAN,
        api=config.api,
        worker=config.worker,
        cluster=broker.reference,
        broker_host=broker.host,
    ),
    after(scan),
)
character = Character(
    "character",
    CharacterArgs(namespace=namespaces.CHARACTER, platform=platform, service=config.character, savers=config.savers),
    after(messages, *users.values(), postgres, trust, network),
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
    after(messages, *users.values(), redis, trust, network),
)

watched = targets.targets(own_prometheus=monitoring.operator, own_redis=own_redis, own_postgres=own_postgres)
Targets("targets", TargetsArgs(rows=watched, broker=CLUSTER), after(*definers, network))
AlertRules(
    "alerts",
    AlertRulesArgs(namespace=namespaces.MONITORING, settings=config.alerts, brokers=config.rabbitmq.replicas),
    after(*definers, network),
)
Dashboards("dashboards", DashboardsArgs(namespace=namespaces.MONITORING), after(network))
if monitoring.operator:
    Prometheus(
        targets.PROMETHEUS,
        PrometheusArgs(
            namespace=namespaces.MONITORING,
            settings=monitoring,
            images=images,
            storage=storage,
            watched=targets.watched_namespaces(watched),
            avoid_domain=config.rabbitmq.node_domain,
        ),
        after(*definers, network, *aws.volumes),
    )

for name, value in {**outputs.exports(scan.service, CLUSTER), **aws.outputs}.items():
    pulumi.export(name, value)
