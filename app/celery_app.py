"""Celery's configuration, computed from the message topology.

Celery declares nothing here: its queues and exchanges are ``no_declare`` and carry no arguments, so that its idea of a
queue can never contradict the broker's (406), and its delayed-delivery queues never come to be.
"""

from typing import Any

from celery import signals
from kombu.entity import Exchange, Queue

from app import topology
from app.broker import broker_tls, broker_url
from app.publishing import CONFIRM_SECONDS, ConfirmingCelery
from app.settings import BrokerSettings, Settings
from app.state.connection import results_url

_CONNECT_SECONDS = 4
_HEARTBEAT_SECONDS = 30


def create_celery(settings: BrokerSettings, *, name: str, publishing_connections: int) -> ConfirmingCelery:
    """A Celery application for this broker and topology. It knows no tasks yet and connects to nothing yet."""
    celery = ConfirmingCelery(name, set_as_current=False)
    signals.setup_logging.connect(_keep_our_logging)
    celery.conf.update(_broker(settings, publishing_connections) | _messages() | _results(settings))
    return celery


def _broker(settings: BrokerSettings, publishing_connections: int) -> dict[str, Any]:
    return {
        "broker_url": broker_url(settings),
        "broker_use_ssl": broker_tls(settings),
        "broker_connection_timeout": _CONNECT_SECONDS,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A queue or a right that is not there yet, or for a moment, is no reason to end the worker.
        "broker_channel_error_retry": True,
        "broker_heartbeat": _HEARTBEAT_SECONDS,
        "broker_pool_limit": publishing_connections,
        "broker_transport_options": {
            "confirm_publish": True,
            # One attempt to connect per publish: how often to try again is app/publishing.py's decision.
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0,
            "interval_max": 0,
            "write_timeout": CONFIRM_SECONDS,
        },
    }


def _messages() -> dict[str, Any]:
    types = {exchange.name: exchange.type for exchange in topology.EXCHANGES}
    exchanges = {name: Exchange(name, type.value, durable=True, no_declare=True) for name, type in types.items()}
    bindings = {task.queue: task.exchange for task in topology.TASKS} | {topology.DEFAULT_QUEUE: topology.CELERY.name}
    return {
        "task_queues": [
            Queue(queue, exchanges[exchange], routing_key=queue, no_declare=True)
            for queue, exchange in bindings.items()
        ],
        "task_default_queue": topology.DEFAULT_QUEUE,
        "task_default_exchange": topology.CELERY.name,
        "task_default_routing_key": topology.DEFAULT_QUEUE,
        # By exchange and key: with {"queue": …} Celery publishes to the default exchange, past the alternate one.
        "task_routes": {task.name: {"exchange": task.exchange, "routing_key": task.queue} for task in topology.TASKS},
        "task_create_missing_queues": False,
        "task_acks_late": True,
        # A task that ends in an exception nobody thought of is dead-lettered; by default it would be acknowledged.
        "task_acks_on_failure_or_timeout": False,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        # It would declare an exclusive queue, which after a cut connection is locked until the broker notices the cut.
        "worker_enable_remote_control": False,
        # A thread cannot be cancelled; what runs on finds by its lease whether it is still wanted.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "enable_utc": True,
    }


def _results(settings: BrokerSettings) -> dict[str, Any]:
    """A process that has no Redis keeps no results, and has none to clean up either."""
    backend = {"result_backend": results_url(settings)} if isinstance(settings, Settings) else {"result_expires": None}
    return backend | {"result_serializer": "json", "task_ignore_result": True}


def _keep_our_logging(**_: Any) -> None:
    """A receiver of setup_logging: Celery configures no logging where there is one."""
