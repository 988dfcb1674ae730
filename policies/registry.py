"""All rules of the pack, in the order in which people read them."""

from policies.rule import ResourceRule, StackRule
from policies.rules import aws, broker, cluster, guard_rails, network, pods, secrets, topology, users

RULES: tuple[ResourceRule | StackRule, ...] = (
    *broker.RULES,
    *topology.RULES,
    *users.RULES,
    *cluster.RULES,
    *pods.RULES,
    *network.RULES,
    *secrets.RULES,
    *aws.RULES,
    *guard_rails.RULES,
)
