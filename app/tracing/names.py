"""All that a span may say. Who, what was on the photo and what the model answered are in no trace.

The second half is OpenTelemetry's: https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/
"""

TASK_ID = "eco2.task_id"
STEP = "eco2.step"
"""The name of the task, or of the form that the model is asked to fill in."""
QUEUE = "eco2.queue"
ATTEMPT = "eco2.attempt"
"""1 for the first try of a task."""
DELIVERY = "eco2.delivery"
"""1 for the first time that the broker delivers a message, more where consumers were lost with it."""
OUTCOME = "eco2.outcome"
"""One word for what has come out. Of an exception its class: its text may quote what it is about."""

MESSAGING_SYSTEM = "messaging.system"
MESSAGING_DESTINATION = "messaging.destination.name"
"""Of RabbitMQ the exchange and, after a colon, the routing key, which here is the queue's name."""
MESSAGING_OPERATION = "messaging.operation.name"
MESSAGING_OPERATION_TYPE = "messaging.operation.type"
MESSAGING_BATCH_COUNT = "messaging.batch.message_count"

ALL = frozenset(
    {
        TASK_ID,
        STEP,
        QUEUE,
        ATTEMPT,
        DELIVERY,
        OUTCOME,
        MESSAGING_SYSTEM,
        MESSAGING_DESTINATION,
        MESSAGING_OPERATION,
        MESSAGING_OPERATION_TYPE,
        MESSAGING_BATCH_COUNT,
    }
)
