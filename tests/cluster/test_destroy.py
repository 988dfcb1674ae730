"""The stack goes and comes back, with the messages that it had. Late: every Service gets a new address by it."""

import sys
from base64 import b64decode
from pathlib import Path

from app import topology
from infra import namespaces
from tests.cluster.clients import Broker, Shell, Stack, wait_for
from tests.cluster.conftest import broker_of

MESSAGES = {f"message-{position}" for position in range(50)}
QUEUE = topology.ARCHIVES[0].name
"""Nobody consumes it."""


def test_destroy_ends_without_hanging_finalizers_and_a_restore_brings_the_messages_back(
    stack: Stack, shell: Shell, broker: Broker, tmp_path: Path
) -> None:
    broker.purge(QUEUE)
    for message in MESSAGES:
        broker.publish(topology.DLX.name, QUEUE, message)
    saved = tmp_path / "secrets"
    shell(sys.executable, "-m", "infra.restore", "save", str(saved))
    assert saved.stat().st_mode & 0o077 == 0, "others on the machine could read the cookie"

    stack.pulumi("destroy", "--yes", "--skip-preview")
    left = shell.kubectl("get", "namespaces", "--output=name").split()
    assert not {f"namespace/{name}" for name in namespaces.ALL} & set(left)

    stack.pulumi("up", "--yes", "--skip-preview", "--target=**::namespace*")
    shell(sys.executable, "-m", "infra.restore", "bind", str(saved))
    stack.pulumi("up", "--yes", "--skip-preview")
    wait_for("the API to be back", lambda: shell.ready_pods("scan", "scan-api"))
    with broker_of(shell) as back:
        assert {b64decode(message["payload"]).decode() for message in back.messages(QUEUE)} == MESSAGES
        back.purge(QUEUE)
    stack.pulumi("preview", "--expect-no-changes")
