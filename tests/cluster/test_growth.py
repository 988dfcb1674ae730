"""One broker becomes three on a live stack, and keeps what is queued. The first test of prod: it has one broker."""

import subprocess
import sys
from base64 import b64decode

import pytest

from app import topology
from tests.cluster.clients import ROOT, Broker, Json, Shell, wait_for
from tests.cluster.outages import BROKER_PODS, Lab

pytestmark = pytest.mark.prod

MESSAGES = 500
QUEUE = topology.ARCHIVES[0].name
"""Nobody consumes it."""
GROUP_SIZE = 3


def test_a_broker_becomes_three_and_every_queued_message_is_still_there(broker: Broker, lab: Lab, shell: Shell) -> None:
    bodies = {f"message-{position}" for position in range(MESSAGES)}
    for body in bodies:
        broker.publish(topology.DLX.name, QUEUE, body)
    assert [queue["node"] for queue in broker.in_vhost("queues") if queue["name"] == QUEUE] == [node(0)]

    subprocess.run([sys.executable, "-m", "lab", "up", "--stack=prod"], cwd=ROOT, check=True)

    # Continuous membership reconciliation looks once a minute.
    lab.wait_until_well()
    for queue in broker.in_vhost("queues"):
        if queue["type"] == "quorum":
            assert sorted(queue["members"]) == [node(position) for position in range(GROUP_SIZE)]
    assert {decoded(message) for message in broker.messages(QUEUE)} == bodies
    broker.purge(QUEUE)

    # As README says: leaders stay where they were, until somebody asks for their balance.
    shell.kubectl("exec", f"{BROKER_PODS}-0", "--namespace=rabbitmq", "--", "rabbitmq-queues", "rebalance", "quorum")
    wait_for("leaders on every broker", lambda: len(leaders(broker)) == GROUP_SIZE, 30)


def node(position: int) -> str:
    return f"rabbit@{BROKER_PODS}-{position}.eco2-rabbitmq-nodes.rabbitmq"


def leaders(broker: Broker) -> set[str]:
    return {queue["leader"] for queue in broker.in_vhost("queues") if queue["type"] == "quorum"}


def decoded(message: Json) -> str:
    return b64decode(message["payload"]).decode()
