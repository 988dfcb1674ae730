"""The brokers."""

from infra.monitoring.dashboards.panels import Dashboard, Panel, Unit
from infra.monitoring.queries import CONSUMED_QUEUES, CONSUMERS, READY, RETRY_QUEUES, UNACKED, of_queues
from infra.monitoring.targets import BROKER

BROKERS = Dashboard(
    name="broker",
    title="Broker",
    panels=(
        Panel(
            title="Brokers that answer",
            unit=Unit.COUNT,
            queries={"up": f'sum(up{{job="{BROKER}"}})'},
        ),
        Panel(
            title="Alarms",
            unit=Unit.COUNT,
            description="While one is 1, all publishers are blocked.",
            queries={
                "memory, {{pod}}": "max by (pod) (rabbitmq_alarms_memory_used_watermark)",
                "disk, {{pod}}": "max by (pod) (rabbitmq_alarms_free_disk_space_watermark)",
            },
        ),
        Panel(
            title="Messages that wait",
            unit=Unit.COUNT,
            queries={"{{queue}}": of_queues(READY, CONSUMED_QUEUES)},
        ),
        Panel(
            title="Messages that are being worked on",
            unit=Unit.COUNT,
            queries={"{{queue}}": of_queues(UNACKED, CONSUMED_QUEUES)},
        ),
        Panel(
            title="Consumers",
            unit=Unit.COUNT,
            queries={"{{queue}}": of_queues(CONSUMERS, CONSUMED_QUEUES)},
        ),
        Panel(
            title="Messages that wait for another try",
            unit=Unit.COUNT,
            queries={"{{queue}}": of_queues(READY, RETRY_QUEUES)},
        ),
        Panel(
            title="Messages",
            unit=Unit.PER_SECOND,
            queries={
                "published": "sum(rate(rabbitmq_global_messages_received_total[5m]))",
                "confirmed": "sum(rate(rabbitmq_global_messages_confirmed_total[5m]))",
                "delivered": "sum(rate(rabbitmq_global_messages_delivered_total[5m]))",
                "acknowledged": "sum(rate(rabbitmq_global_messages_acknowledged_total[5m]))",
                "delivered again": "sum(rate(rabbitmq_global_messages_redelivered_total[5m]))",
            },
        ),
        Panel(
            title="Memory",
            unit=Unit.BYTES,
            queries={
                "{{pod}}": "rabbitmq_process_resident_memory_bytes",
                "bound": "max(rabbitmq_resident_memory_limit_bytes)",
            },
        ),
        Panel(
            title="Free disk",
            unit=Unit.BYTES,
            queries={
                "{{pod}}": "rabbitmq_disk_space_available_bytes",
                "bound": "max(rabbitmq_disk_space_available_limit_bytes)",
            },
        ),
        Panel(
            title="Connections",
            unit=Unit.COUNT,
            queries={"{{pod}}": "rabbitmq_connections", "channels of {{pod}}": "rabbitmq_channels"},
        ),
    ),
)
