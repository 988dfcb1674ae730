"""Dead-lettering is at-least-once: a broker that dies while messages expire loses none of them."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import amqp
from amqp.channel import Channel

from app import topology
from tests.cluster.clients import wait_for
from tests.cluster.outages import Lab
from tests.cluster.processes import kill

MESSAGES = 1000
RUNG = topology.SCAN_LADDER[-1]
TARGET = topology.archive_queue(topology.DEFAULT_QUEUE)
"""A queue that nobody consumes. A retry queue hands its messages to the queue that their routing key names."""


@contextmanager
def channel_of_administrator(lab: Lab) -> Iterator[Channel]:
    user = lab.shell.secret("rabbitmq", "eco2-rabbitmq-default-user")
    connection = amqp.Connection(
        host=lab.shell.cluster_ip("rabbitmq", "eco2-rabbitmq"),
        userid=user["username"],
        password=user["password"],
        virtual_host=topology.VHOST,
        confirm_publish=True,
    )
    try:
        connection.connect()
        yield connection.channel()
    finally:
        connection.collect()  # without a farewell: the broker may be dead


def publish_to_expire_at(moment: float, run: str, channel: Channel) -> set[str]:
    """Messages with ids of their own; all expire at the same moment, which is seconds since the epoch."""
    ids = {f"{run}-{number}" for number in range(MESSAGES)}
    for message_id in ids:
        left = timedelta(seconds=moment - time.time())
        assert timedelta(0) < left < RUNG.delay, "the first messages expire before the last is there"
        expiration = str(int(left / timedelta(milliseconds=1)))
        message = amqp.Message(message_id, message_id=message_id, delivery_mode=2, expiration=expiration)
        channel.basic_publish_confirm(message, exchange=RUNG.name, routing_key=TARGET)
    return ids


def ready_in(queue: str, channel: Channel) -> int:
    return int(channel.queue_declare(queue, passive=True).message_count)


def take_out(run: str, channel: Channel) -> set[str]:
    """The ids of this run's messages in the target, which are taken out; others go back when the connection ends."""
    found = set()
    while message := channel.basic_get(TARGET):
        if message.properties.get("message_id", "").startswith(run):
            found.add(message.properties["message_id"])
            channel.basic_ack(message.delivery_tag)
    return found


def test_a_broker_killed_while_messages_expire_loses_none(lab: Lab) -> None:
    run = uuid.uuid4().hex
    with lab.crashed_pods_replaced(), channel_of_administrator(lab) as channel:
        before = ready_in(TARGET, channel)
        ids = publish_to_expire_at(time.time() + RUNG.delay.total_seconds() - 0.1, run, channel)
        processes = lab.broker_processes()
        while (arrived := ready_in(TARGET, channel) - before) == 0:
            pass
        kill(processes)
    assert arrived < MESSAGES, "the broker died too late to prove anything"
    found: set[str] = set()

    def all_are_there() -> bool:
        with channel_of_administrator(lab) as channel:
            found.update(take_out(run, channel))
        return found == ids

    try:
        wait_for("all messages", all_are_there, 20)
    except AssertionError as error:
        raise AssertionError(f"{len(ids - found)} of {MESSAGES} messages are lost") from error
    wait_for("an empty retry queue", lambda: lab.messages_in(RUNG.name) == 0, 15)
