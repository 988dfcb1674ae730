"""The RabbitmqCluster: what the brokers must be told."""

from infra.rabbitmq import disk_free_bytes
from tests.unit.conftest import Recording

GIB = 2**30


def lines(stack: Recording) -> dict[str, str]:
    config = stack.one("RabbitmqCluster", "eco2-rabbitmq").spec["rabbitmq"]["additionalConfig"]
    return {key: value for key, _, value in (line.partition(" = ") for line in config.splitlines())}


def test_the_broker_is_told_its_limits(dev: Recording) -> None:
    assert lines(dev) == {
        "vm_memory_high_watermark.relative": "0.8",
        "disk_free_limit.absolute": str(3 * GIB),
        "cluster_partition_handling": "pause_minority",
        "consumer_timeout": "1800000",
        "net_ticktime": "20",
        "raft.wal_max_size_bytes": "67108864",
        "queue_leader_locator": "balanced",
        "quorum_queue.continuous_membership_reconciliation.enabled": "true",
        "quorum_queue.continuous_membership_reconciliation.target_group_size": "3",
        "quorum_queue.continuous_membership_reconciliation.interval": "60000",
    }


def test_the_disk_alarm_leaves_room_for_the_memory_one_and_a_half_times() -> None:
    assert disk_free_bytes("4Gi") == 6 * GIB


def test_brokers_tolerate_and_require_their_nodes(built: Recording) -> None:
    spec = built.one("RabbitmqCluster", "eco2-rabbitmq").spec
    assert spec["tolerations"] == [{"key": "domain", "operator": "Equal", "value": "data", "effect": "NoSchedule"}]
    required = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required["nodeSelectorTerms"][0]["matchExpressions"] == [
        {"key": "domain", "operator": "In", "values": ["data"]}
    ]


def test_no_two_brokers_share_a_node(prod: Recording) -> None:
    affinity = prod.one("RabbitmqCluster", "eco2-rabbitmq").spec["affinity"]
    assert affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] == [
        {
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "eco2-rabbitmq"}},
            "topologyKey": "kubernetes.io/hostname",
        }
    ], "one dead node would take the majority with it"


def test_a_production_broker_asks_for_all_the_memory_that_it_may_use(prod: Recording) -> None:
    resources = prod.one("RabbitmqCluster", "eco2-rabbitmq").spec["resources"]
    assert resources["requests"]["memory"] == resources["limits"]["memory"]


def test_the_plugins_are_those_that_metrics_management_and_replay_need(dev: Recording) -> None:
    plugins = dev.one("RabbitmqCluster", "eco2-rabbitmq").spec["rabbitmq"]["additionalPlugins"]
    assert set(plugins) == {"rabbitmq_prometheus", "rabbitmq_management", "rabbitmq_shovel"}


def test_a_new_cluster_keeps_its_metadata_in_a_raft_group(built: Recording) -> None:
    """With Mnesia it would stay in two halves after a network cut that ends too soon."""
    spec = built.one("RabbitmqCluster", "eco2-rabbitmq").spec
    assert spec["rabbitmq"]["advancedConfig"] == "[{rabbit, [{forced_feature_flags_on_init, [khepri_db]}]}]."
