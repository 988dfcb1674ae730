"""The RabbitmqCluster, of which the cluster operator makes the brokers."""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import AffinityArgs, ProbeArgs, TCPSocketActionArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.disruption import one_at_a_time
from infra.labels import labels, selector
from infra.placement import on_nodes, one_per_node, tolerations
from infra.quantities import amount
from infra.rabbitmq_objects import RabbitmqObject
from infra.resources import requirements
from infra.security import container_context, pod_context
from infra.settings import Images, Rabbitmq, Storage

CLUSTER = "eco2-rabbitmq"
"""The RabbitmqCluster's name, by which the operator labels its pods."""
COMPONENT = "rabbitmq"
"""The operator's label of the brokers' pods, as well."""
AMQP_PORT = 5672
AMQPS_PORT = 5671
"""AMQP by TLS."""
MANAGEMENT_PORT = 15672
METRICS_PORT = 15692
METRICS_PORT_NAME = "prometheus"
"""As the cluster operator calls it in the brokers' Service."""

PLUGINS = (
    "rabbitmq_prometheus",
    "rabbitmq_management",
    "rabbitmq_shovel",  # moves dead letters back to their queue
)

KHEPRI = "[{rabbit, [{forced_feature_flags_on_init, [khepri_db]}]}]."
"""The metadata store of a new cluster. Supported from RabbitMQ 4.0 on, and the default from 4.2 on.

Mnesia stays in two halves for ever when a cut ends before the smaller one has paused itself (seen with a cut of 40 s at
a `net_ticktime` of 20 s; rabbitmq/rabbitmq-server#17319). Khepri is a Raft group, like a quorum queue: the smaller half
catches up. What this list leaves out, every stable feature flag, the operator enables.
https://www.rabbitmq.com/docs/4.0/metadata-store/how-to-enable-khepri
"""

MIB = 1024 * 1024
RAFT_WAL_BYTES = 64 * MIB
"""Every queue's entries stay in memory until this file rolls over: RabbitMQ's 512 MiB are half of a small broker."""
CONSUMER_TIMEOUT_MS = 30 * 60 * 1000
"""A message that is not acknowledged for so long goes back to its queue: far above any task, not for ever."""
NET_TICKTIME_SECONDS = 20
"""A broker cut off without a closed connection is noticed after this, not after a minute."""
QUORUM_GROUP_SIZE = 3
MEMBERSHIP_CHECK_MS = 60_000
MEMORY_HIGH_WATERMARK = 0.8
DISK_FREE_FOR_MEMORY = 1.5
"""Free disk that a broker must have, in units of its memory, so that all of it can be written out."""


@dataclass(frozen=True, kw_only=True)
class BrokerArgs:
    namespace: str
    settings: Rabbitmq
    images: Images
    storage: Storage
    user_namespaces: tuple[str, ...]
    """Namespaces whose users, permissions and queues may refer to this cluster."""


class Broker(pulumi.ComponentResource):
    """Ready when every replica is. ``name`` is the RabbitmqCluster's name as well."""

    host: str
    """DNS name within the cluster."""
    reference: dict[str, str]
    """What a topology object's ``rabbitmqClusterReference`` takes."""

    def __init__(self, name: str, args: BrokerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("eco2:rabbitmq:Broker", name, None, opts)
        RabbitmqObject(
            name,
            "RabbitmqCluster",
            name=name,
            namespace=args.namespace,
            labels=labels(name, COMPONENT),
            spec=cluster_spec(name, args),
            conditions=("AllReplicasReady", "ReconcileSuccess"),
            annotations={"rabbitmq.com/topology-allowed-namespaces": ",".join(args.user_namespaces)},
            opts=pulumi.ResourceOptions(parent=self, protect=args.storage.protect_data),
        )
        if args.settings.replicas > 1:
            budget = ObjectMetaArgs(name=name, namespace=args.namespace, labels=labels(name, COMPONENT))
            one_at_a_time(name, budget, selector(name, COMPONENT), pulumi.ResourceOptions(parent=self))
        self.host = f"{name}.{args.namespace}.svc"
        self.reference = {"name": name, "namespace": args.namespace}
        self.register_outputs({"host": self.host})


def amqp_port(settings: Rabbitmq) -> int:
    """The one port by which clients come in."""
    return AMQPS_PORT if settings.tls_secret else AMQP_PORT


def cluster_spec(name: str, args: BrokerArgs) -> dict[str, Any]:
    settings = args.settings
    return {
        **({"tls": {"secretName": settings.tls_secret}} if settings.tls_secret else {}),
        "image": args.images.rabbitmq,
        "replicas": settings.replicas,
        "persistence": {"storageClassName": args.storage.storage_class, "storage": settings.storage},
        "resources": requirements(settings.resources),
        "affinity": affinity(name, settings),
        "tolerations": tolerations(settings.node_domain),
        "rabbitmq": {
            "additionalPlugins": list(PLUGINS),
            "additionalConfig": broker_config(settings),
            "advancedConfig": KHEPRI,
        },
        "delayStartSeconds": settings.delay_start_seconds,
        "terminationGracePeriodSeconds": settings.termination_grace_seconds,
        "override": {
            "statefulSet": {"spec": {"template": {"spec": pod_override(args)}}},
            **({"service": {"spec": metrics_in_plain()}} if settings.tls_secret else {}),
        },
    }


def metrics_in_plain() -> dict[str, Any]:
    """Where there is TLS, the operator's Service names the measurements' port by TLS and leaves out the other one."""
    port = {"name": METRICS_PORT_NAME, "protocol": "TCP", "port": METRICS_PORT, "targetPort": METRICS_PORT}
    return {"ports": [port]}


def broker_config(settings: Rabbitmq) -> str:
    """The lines that differ from, or must not depend on, the operator's own rabbitmq.conf."""
    reconciliation = "quorum_queue.continuous_membership_reconciliation"
    lines = {
        "vm_memory_high_watermark.relative": MEMORY_HIGH_WATERMARK,
        "disk_free_limit.absolute": disk_free_bytes(settings.memory_limit),
        # For a cluster that still has Mnesia: Khepri needs no such strategy, and is not asked.
        "cluster_partition_handling": "pause_minority",
        "consumer_timeout": CONSUMER_TIMEOUT_MS,
        "net_ticktime": NET_TICKTIME_SECONDS,
        "raft.wal_max_size_bytes": RAFT_WAL_BYTES,
        "queue_leader_locator": "balanced",
        # A cluster that grows from one broker to three gives its queues their other members by itself.
        f"{reconciliation}.enabled": "true",
        f"{reconciliation}.target_group_size": QUORUM_GROUP_SIZE,
        f"{reconciliation}.interval": MEMBERSHIP_CHECK_MS,
        # Not the operator's disableNonTLSListeners, which closes management and measurements in plain as well: the
        # operators' and Prometheus' ways, on which no message goes, and which would each need the authority too.
        **({"listeners.tcp": "none"} if settings.tls_secret else {}),
    }
    return "".join(f"{key} = {value}\n" for key, value in lines.items())


def disk_free_bytes(memory_limit: str) -> int:
    """Absolute: the operator sets ``disk_free_limit.absolute`` itself, and that one wins over a relative limit."""
    return int(amount(memory_limit) * DISK_FREE_FOR_MEMORY)


def affinity(name: str, settings: Rabbitmq) -> AffinityArgs:
    """On data nodes only, and no two brokers on one of them. The operator labels its pods with the cluster's name."""
    return AffinityArgs(
        node_affinity=on_nodes(settings.node_domain),
        pod_anti_affinity=one_per_node({"app.kubernetes.io/name": name}) if settings.replicas > 1 else None,
    )


def pod_override(args: BrokerArgs) -> dict[str, Any]:
    """Merged into the operator's pod template: Pod Security ``restricted``, and a readiness probe that looks sooner."""
    hardened = {"securityContext": container_context(read_only_root=False), "imagePullPolicy": args.images.pull_policy}
    probe = readiness("amqps" if args.settings.tls_secret else "amqp")
    return {
        "securityContext": pod_context(),
        "initContainers": [{"name": "setup-container", **hardened}],
        "containers": [{"name": "rabbitmq", **hardened, "readinessProbe": probe}],
    }


def readiness(port: str) -> ProbeArgs:
    """A connection only: a probe that starts an Erlang node costs half a core and fails on a busy broker."""
    return ProbeArgs(
        tcp_socket=TCPSocketActionArgs(port=port),
        initial_delay_seconds=3,
        period_seconds=3,
        timeout_seconds=3,
        failure_threshold=5,
    )
