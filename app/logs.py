"""Structured logs: one JSON object a line on stderr, with the scan that a line is about."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

scan_in_hand: ContextVar[str | None] = ContextVar("scan_in_hand", default=None)
"""The id of the scan that this thread or request works on; each line logged meanwhile carries it."""

_CHATTY = (
    "amqp",
    "celery.app.trace",
    "celery.worker.strategy",
    "httpcore2",
    "httpx2",
    "kombu",
    "openai",
    "opentelemetry",
    "py.warnings",
    "python_multipart",
)
"""Loggers that have a line for every message or call. app.tasks has one for each step."""


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON. Only the message, its origin and the scan's id: never arguments' values."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if scan_id := scan_in_hand.get():
            line["task_id"] = scan_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _is_no_late_acknowledgement(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Couldn't ack")


def configure_logging(level: str) -> None:
    """Sends every logger's records to stderr as JSON. Chatty libraries are left their errors."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    # A broker that goes away would leave a traceback for each step in flight. Their messages are delivered again.
    logging.getLogger("celery.worker.request").addFilter(_is_no_late_acknowledgement)
