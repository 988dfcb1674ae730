"""What holds data in prod is not deleted by a command that meant another stack."""

import pytest

from tests.cluster.clients import Shell, Stack
from tests.cluster.outages import BROKER

pytestmark = pytest.mark.prod

HOLD_DATA = "namespaces,persistentvolumeclaims,queues.rabbitmq.com"

SERVERS = (
    ("rabbitmqcluster", BROKER, "rabbitmq"),
    ("statefulset", "redis", "redis"),
    ("statefulset", "postgres", "postgres"),
)


def test_destroy_is_refused_and_deletes_nothing_that_holds_data(stack: Stack, shell: Shell) -> None:
    """Late: pods that hold none may be gone by it, and `pulumi up` brings them back."""
    before = shell.kubectl("get", HOLD_DATA, "--all-namespaces", "--output=name")

    done = stack.pulumi("destroy", "--yes", "--skip-preview", check=False)

    assert done.returncode != 0
    assert "protected" in done.stdout + done.stderr
    assert shell.kubectl("get", HOLD_DATA, "--all-namespaces", "--output=name") == before
    for kind, name, namespace in SERVERS:
        server = shell.get(kind, name, f"--namespace={namespace}")
        assert "deletionTimestamp" not in server["metadata"], f"{name} is on its way out"
