"""Connections to the broker for processes that run no Celery, and publishing with them."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from kombu import Connection, Exchange, Producer

from app.publishing import CONFIRM_SECONDS
from app.settings import BrokerSettings

HEARTBEAT_SECONDS = 6
"""A cut is noticed after two of them."""

_CONNECT_SECONDS = 4


def broker_url(settings: BrokerSettings) -> str:
    password = quote(settings.rabbitmq_password.get_secret_value(), safe="")
    user = quote(settings.rabbitmq_username, safe="")
    vhost = quote(settings.rabbitmq_vhost, safe="")
    return f"amqp://{user}:{password}@{settings.rabbitmq_host}:{settings.rabbitmq_port}/{vhost}"


def broker_tls(settings: BrokerSettings) -> dict[str, Any] | None:
    """What kombu and Celery take as their TLS options; None is a connection in plain.

    The file is read with each new connection, so that a new authority needs no restart. Without ``server_hostname``
    the library would take any certificate of that authority. Time-outs of such a connection are the one of connecting,
    and so long it also waits, while it is closed, for the farewell of a broker that has fallen silent.
    """
    if not settings.rabbitmq_ca_file:
        return None
    return {
        "ca_certs": settings.rabbitmq_ca_file,
        "cert_reqs": ssl.CERT_REQUIRED,
        "server_hostname": settings.rabbitmq_host,
    }


def broker_connection(
    settings: BrokerSettings, *, heartbeat_seconds: int = HEARTBEAT_SECONDS, awaits_confirms: bool = True
) -> Connection:
    """A connection that is not open yet. Publishes on it wait for the broker's confirm, unless the caller does that."""
    return Connection(
        broker_url(settings),
        ssl=broker_tls(settings),
        connect_timeout=_CONNECT_SECONDS,
        heartbeat=heartbeat_seconds,
        transport_options={
            "confirm_publish": awaits_confirms,
            "write_timeout": CONFIRM_SECONDS,
            # For an answer that the protocol owes, for example to opening a channel. Not for messages to come.
            "read_timeout": CONFIRM_SECONDS,
            "max_retries": 1,
        },
    )


@contextmanager
def opened(connection: Connection) -> Iterator[Connection]:
    """A copy of the connection, open within the block. Raises what connecting raises.

    It is closed without a farewell: kombu would wait for a broker that has fallen silent to answer it.
    """
    copy = connection.clone()
    try:
        copy.connect()
        yield copy
    finally:
        copy.collect()


def publish_json(connection: Connection, exchange: str, document: dict[str, Any]) -> None:
    """Publishes one message to a fanout exchange and returns when the broker has confirmed it.

    Raises one of ``app.publishing.FAILURES``: then the connection must be thrown away, and nobody knows whether the
    message has arrived.
    """
    producer = Producer(connection, serializer="json", auto_declare=False)
    producer.publish(
        document,
        exchange=Exchange(exchange, "fanout", no_declare=True),
        routing_key="",
        retry=False,
        confirm_timeout=CONFIRM_SECONDS,
    )
