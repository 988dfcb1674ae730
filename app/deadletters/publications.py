"""Dead letters made ready to be published again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import topology
from app.deadletters.letters import REPLAYS, REPLAYS_RUN, WORK_QUEUE, Letter
from app.publishing import BROKERS_OWN, PUBLISHED_AT
from app.tracing.messages import linked

_ROUTES = {binding.queue: binding.exchange for binding in topology.BINDINGS if binding.routing_key == binding.queue}
"""The exchange by which a queue, and no other one, is reached. Its key is the queue's name."""

_ROUTING = ("CC", "BCC")
"""Headers by which a publisher has a message put into more queues."""

_DEATHS = (
    "x-death",
    *(f"x-{which}-death-{what}" for which in ("first", "last") for what in ("queue", "reason", "exchange")),
)
_REFUSED = ("user_id", "expiration", "cluster_id")
"""Properties of the first publishing that a second one must not have: another user's name is refused, and a message
that expires is no message that is kept."""

_DIRECT_REPLY = "amq.rabbitmq.reply-to"


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A message to be published."""

    exchange: str
    routing_key: str
    body: bytes
    properties: Mapping[str, Any]
    headers: Mapping[str, Any]


def for_work(letter: Letter, queue: str, *, replays: int = 0, run: str | None = None) -> Publication:
    """The letter as a new message for ``queue`` alone, with all its retries. How often it was replayed is noted on it.

    Its deaths are left behind: a broker that counts them drops what has gone round too often. Its trace has ended.
    """
    headers = linked(_without(letter.headers, (*_DEATHS, REPLAYS, REPLAYS_RUN, WORK_QUEUE)))
    if "retries" in headers:
        headers["retries"] = 0
    if PUBLISHED_AT in headers:
        headers[PUBLISHED_AT] = time.time()
    if run is not None:
        headers |= {REPLAYS: replays, REPLAYS_RUN: run}
    return _publication(letter, _ROUTES[queue], queue, headers)


def for_archive(letter: Letter, archive: str) -> Publication:
    """The letter as it is, its deaths included."""
    return _publication(letter, topology.DLX.name, archive, _labelled(letter))


def for_dead_letter_queue(letter: Letter, queue: str) -> Publication:
    """The letter with its deaths, but not its replays: the timer would archive it again at once."""
    return _publication(letter, topology.DLX.name, queue, _without(_labelled(letter), (REPLAYS, REPLAYS_RUN)))


def _labelled(letter: Letter) -> dict[str, Any]:
    """Its headers, with the queue that it was for: its key is lost by moving it."""
    return dict(letter.headers) | ({WORK_QUEUE: letter.queue} if letter.queue else {})


def _publication(letter: Letter, exchange: str, key: str, headers: Mapping[str, Any]) -> Publication:
    properties = _without(letter.properties, _REFUSED)
    if str(properties.get("reply_to")).startswith(_DIRECT_REPLY):
        del properties["reply_to"]
    return Publication(
        exchange=exchange,
        routing_key=key,
        body=letter.body,
        properties=properties | {"delivery_mode": 2},
        headers=_without(headers, (*_ROUTING, *BROKERS_OWN)),
    )


def _without(table: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in names}
