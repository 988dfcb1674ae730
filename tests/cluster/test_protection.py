"""What holds data in prod is not deleted by a command that meant another stack.

It is the preview that ends such a command before anything is done. Who skips it loses the pods, which `pulumi up`
brings back, and no data.
"""

import pytest

from tests.cluster.clients import Scans, Shell, Stack
from tests.cluster.outages import BROKER

pytestmark = pytest.mark.prod


def test_destroy_is_refused_and_takes_nothing_away(stack: Stack, shell: Shell, scans: Scans) -> None:
    kinds = "namespaces,persistentvolumeclaims,queues.rabbitmq.com,deployments,statefulsets"
    before = shell.kubectl("get", kinds, "--all-namespaces", "--output=name")

    done = stack.pulumi("destroy", "--yes", check=False)

    assert done.returncode != 0
    assert "protected" in done.stdout + done.stderr
    assert shell.kubectl("get", kinds, "--all-namespaces", "--output=name") == before
    assert shell.get("rabbitmqcluster", BROKER, "--namespace=rabbitmq")["metadata"].get("deletionTimestamp") is None
    assert scans.http.get("/readyz").status_code == 200
