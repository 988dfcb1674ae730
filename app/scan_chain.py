"""The chain of a scan's tasks, by their names: who publishes it needs nothing of what they do."""

from typing import Any

from celery import Celery, chain

from app.topology import TASKS


def scan_chain(celery: Celery, scan_id: str) -> Any:
    """A scan's chain. Its links carry the scan's id, which is also the id of the first message and of the root.

    The last one, scan.reward, is handed an argument of its own (app/steps/reward_order.py).
    """
    first, *others = (celery.signature(task.name) for task in TASKS)
    return chain(first.clone(args=(scan_id,), task_id=scan_id), *others, app=celery)
