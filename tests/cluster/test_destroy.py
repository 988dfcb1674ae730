"""The stack goes and comes back. Late, because every Service gets a new address by it."""

from infra import namespaces
from tests.cluster.clients import Shell, Stack, wait_for


def test_destroy_ends_without_hanging_finalizers_and_up_works_again(stack: Stack, shell: Shell) -> None:
    stack.pulumi("destroy", "--yes", "--skip-preview")
    left = shell.kubectl("get", "namespaces", "--output=name").split()
    assert not {f"namespace/{name}" for name in namespaces.ALL} & set(left)
    stack.pulumi("up", "--yes", "--skip-preview")
    wait_for("the API to be back", lambda: shell.ready_pods("scan", "scan-api"))
