"""The brokers are deleted, by somebody who meant something else, and come back with the messages that they had."""

import sys
from base64 import b64decode
from pathlib import Path

from app import topology
from tests.cluster.brokers import broker_of
from tests.cluster.clients import Shell, Stack, wait_for
from tests.cluster.outages import BROKER, Lab

MESSAGES = {f"message-{position}" for position in range(50)}
QUEUE = topology.ARCHIVES[0].name
"""Nobody consumes it."""


def test_brokers_that_were_deleted_come_back_with_their_messages(
    stack: Stack, shell: Shell, lab: Lab, tmp_path: Path
) -> None:
    lab.broker.purge(QUEUE)
    for message in MESSAGES:
        lab.broker.publish(topology.DLX.name, QUEUE, message)
    saved = tmp_path / "secrets"
    shell(sys.executable, "-m", "infra.restore", "save", str(saved))
    assert saved.stat().st_mode & 0o077 == 0, "others on the machine could read the cookie"

    shell.kubectl("delete", "rabbitmqcluster", BROKER, "--namespace=rabbitmq")
    wait_for("its volume to be left behind", lambda: left_behind(shell), 120)
    shell(sys.executable, "-m", "infra.restore", "bind", str(saved))
    stack.pulumi("up", "--yes", "--skip-preview", "--refresh")

    with broker_of(shell) as back:
        assert {b64decode(message["payload"]).decode() for message in back.messages(QUEUE)} == MESSAGES
        back.purge(QUEUE)
        Lab(shell, lab.scans, back).wait_until_well()


def left_behind(shell: Shell) -> bool:
    volumes = shell.get("persistentvolumes")["items"]
    return any(
        volume["status"]["phase"] == "Released" and volume["spec"]["claimRef"]["namespace"] == "rabbitmq"
        for volume in volumes
    )
