"""What has failed, and what becomes of it."""

from app import topology
from infra.monitoring.dashboards.panels import Dashboard, Panel, Unit
from infra.monitoring.queries import (
    ARCHIVES,
    DEAD_LETTERS_FOR_PEOPLE,
    MESSAGES,
    REPLAYED_DEAD_LETTERS,
    WAITING_REWARDS,
    of_queues,
)

DEAD_LETTERS = Dashboard(
    name="dead-letters",
    title="Dead letters",
    panels=(
        Panel(
            title="For people",
            unit=Unit.COUNT,
            description="Nobody else tries these again.",
            queries={"{{queue}}": of_queues(MESSAGES, DEAD_LETTERS_FOR_PEOPLE)},
        ),
        Panel(
            title="Replayed every few minutes",
            unit=Unit.COUNT,
            queries={"{{queue}}": of_queues(MESSAGES, REPLAYED_DEAD_LETTERS)},
        ),
        Panel(
            title="Without a queue",
            unit=Unit.COUNT,
            queries={"{{queue}}": of_queues(MESSAGES, [topology.UNROUTED_QUEUE])},
        ),
        Panel(
            title="Archived",
            unit=Unit.COUNT,
            description="Deleted after 30 days.",
            queries={"{{queue}}": of_queues(MESSAGES, ARCHIVES)},
        ),
        Panel(
            title="Rewards that are tried again",
            unit=Unit.COUNT,
            queries={"{{queue}}": of_queues(MESSAGES, WAITING_REWARDS)},
        ),
        Panel(
            title="Dead-lettered messages",
            unit=Unit.PER_SECOND,
            queries={
                "rejected": "sum(rate(rabbitmq_global_messages_dead_lettered_rejected_total[5m]))",
                "expired": "sum(rate(rabbitmq_global_messages_dead_lettered_expired_total[5m]))",
                "delivered too often": "sum(rate(rabbitmq_global_messages_dead_lettered_delivery_limit_total[5m]))",
            },
        ),
        Panel(
            title="Messages that could not be read",
            unit=Unit.PER_SECOND,
            queries={"{{job}}": "sum by (job) (rate(scan_messages_buried_total[5m]))"},
        ),
    ),
)
