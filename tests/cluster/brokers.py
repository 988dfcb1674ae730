"""The brokers of the lab, and who listens to them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import httpx

from app import topology
from tests.cluster.clients import Broker, Json, Shell

FANOUTS = {exchange for service in topology.SERVICES for exchange in service.listens}


def is_anonymous(queue: str) -> bool:
    """One of the queues by which a process listens to a fanout exchange."""
    return any(re.fullmatch(rf"{re.escape(exchange)}\.[0-9a-f-]{{36}}", queue) for exchange in FANOUTS)


def listeners(queues: Iterable[Json]) -> Counter[str]:
    """How many processes listen to each fanout exchange, by the broker's list of all queues."""
    return Counter(queue["name"].rpartition(".")[0] for queue in queues if is_anonymous(queue["name"]))


def wanted_listeners(shell: Shell) -> Counter[str]:
    """How many should: each ready pod of a service that listens."""
    wanted: Counter[str] = Counter()
    for service in topology.SERVICES:
        for exchange in service.listens:
            wanted[exchange] += len(shell.ready_pods(service.namespace, service.name))
    return wanted


@contextmanager
def broker_of(shell: Shell) -> Iterator[Broker]:
    """Of the stack as it is now: one that is made anew has another address."""
    user = shell.secret("rabbitmq", "eco2-rabbitmq-default-user")
    address = shell.cluster_ip("rabbitmq", "eco2-rabbitmq")
    login = (user["username"], user["password"])
    with httpx.Client(base_url=f"http://{address}:15672", auth=login, timeout=30) as http:
        yield Broker(http, topology.VHOST)
