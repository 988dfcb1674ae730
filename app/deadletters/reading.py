"""Whether a queue's consumer could read a letter: what it cannot read now, it cannot read the next time."""

from collections.abc import Callable, Mapping
from typing import Any

from app import topology
from app.deadletters.letters import Letter
from app.events import UnreadableEvent, read_event
from app.steps.reward_order import BadOrder, read_order

_JSON = "application/json"
_UTF_8 = "utf-8"
_NOT_TAKEN = ("eta", "expires")
"""Workers dead-letter what is to be run later, or not after some time (app/worker/consumer.py)."""


def is_readable(letter: Letter) -> bool:
    """Whether a message with this content would be worked on by the consumers of the queue that it died in."""
    reader = _READERS.get(letter.queue or "")
    return reader is not None and reader(letter)


def _is_order(letter: Letter) -> bool:
    if not _asks_for(topology.REWARD_TASK.name, letter):
        return False
    match letter.document:
        case [[argument], dict(), dict()]:
            try:
                read_order(argument)
            except BadOrder:
                return False
            return True
    return False


def _is_step(letter: Letter) -> bool:
    match letter.document:
        case [[str()], dict(), dict()]:
            return letter.queue is not None and _asks_for(letter.queue, letter)
    return False


def _asks_for(task: str, letter: Letter) -> bool:
    """Whether it has what Celery needs to make a task of it. A scan's tasks are named like their queues."""
    headers: Mapping[str, Any] = letter.headers
    content = (letter.properties.get("content_type"), letter.properties.get("content_encoding"))
    return (
        headers.get("task") == task
        and isinstance(headers.get("id"), str)
        and not any(headers.get(name) for name in _NOT_TAKEN)
        and content == (_JSON, _UTF_8)
    )


def _is_event(letter: Letter) -> bool:
    try:
        read_event(letter.body, letter.properties.get("content_type"))
    except UnreadableEvent:
        return False
    return True


_READERS: dict[str, Callable[[Letter], bool]] = {
    **{task.queue: _is_step for task in topology.SCAN_TASKS},
    topology.REWARD_TASK.queue: _is_order,
    topology.SAVE_OWNERSHIP: _is_event,
    topology.SAVE_CHARACTER: _is_event,
}
