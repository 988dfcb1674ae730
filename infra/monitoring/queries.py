"""What is asked of Prometheus by alerts and dashboards alike, with the names that only app/topology.py types."""

import re
from collections.abc import Iterable

from app import topology

REPLAYED = (topology.REWARD_TASK.queue, topology.SAVE_OWNERSHIP, topology.SAVE_CHARACTER)
"""Work queues whose dead letters are tried again by themselves."""

WORK_QUEUES = tuple(queue.name for queue in topology.WORK_QUEUES)
CONSUMED_QUEUES = (*WORK_QUEUES, topology.DEAD_SCANS)
REPLAYED_DEAD_LETTERS = tuple(topology.dead_letter_queue(queue) for queue in REPLAYED)
DEAD_LETTERS_FOR_PEOPLE = tuple(topology.dead_letter_queue(queue) for queue in WORK_QUEUES if queue not in REPLAYED)
DEAD_LETTER_QUEUES = tuple(queue.name for queue in topology.DEAD_LETTER_QUEUES)
ARCHIVES = tuple(queue.name for queue in topology.ARCHIVES)
RETRY_QUEUES = tuple(queue.name for queue in topology.RETRY_QUEUES)
WAITING_REWARDS = (
    *(rung.name for rung in topology.REWARD_TASK.ladder),
    topology.dead_letter_queue(topology.REWARD_TASK.queue),
)
"""Where rewards are that have failed at least once."""
ALL_QUEUES = tuple(queue.name for queue in topology.QUEUES)

MESSAGES = "eco2:queue_messages"
READY = "eco2:queue_messages_ready"
UNACKED = "eco2:queue_messages_unacked"
CONSUMERS = "eco2:queue_consumers"

RECORDED = {
    MESSAGES: "rabbitmq_detailed_queue_messages",
    READY: "rabbitmq_detailed_queue_messages_ready",
    UNACKED: "rabbitmq_detailed_queue_messages_unacked",
    CONSUMERS: "rabbitmq_detailed_queue_consumers",
}
"""One value for each queue. The leader's broker tells it; one that has been the leader may tell its last value on."""

POST = 'route="/classify/async"'
"""Of ``http_requests_total``: the call that takes scans in."""


def recording(metric: str) -> str:
    return f'max by (queue) ({metric}{{vhost="{topology.VHOST}"}})'


def of_queues(series: str, queues: Iterable[str]) -> str:
    """The series of these queues alone."""
    # In PromQL's text a backslash is written twice.
    pattern = "|".join(re.escape(queue).replace("\\", "\\\\") for queue in queues)
    return f'{series}{{queue=~"{pattern}"}}'
