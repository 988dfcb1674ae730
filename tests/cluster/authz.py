"""The authorisation service, asked as Envoy would ask it."""

import json
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import httpx
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.cluster.clients import Json, Shell, wait_for

AUTHZ = ("auth", "authz")
GRPC_PORT = 50052
METRICS_PORT = 9000
HOUR = 3600


class Pod:
    """One of the service's pods."""

    def __init__(self, pod: Json, channel: grpc.Channel) -> None:
        self.address = pod["status"]["podIP"]
        self._stub = AuthorizationStub(channel)
        self._health = health_pb2_grpc.HealthStub(channel)

    def check(self, jti: str | None, user: str = "user-1", **headers: str) -> Any:
        request = CheckRequest()
        if jti is not None:
            headers["authorization"] = f"Bearer {_encoded({'alg': 'none'})}.{_encoded({'jti': jti, 'sub': user})}.x"
        request.attributes.request.http.headers.update({name.replace("_", "-"): headers[name] for name in headers})
        return self._stub.Check(request, timeout=5)

    def refuses(self, jti: str) -> bool:
        return bool(self.check(jti).denied_response.status.code == 401)

    def is_serving(self) -> bool:
        answer = self._health.Check(health_pb2.HealthCheckRequest(), timeout=5)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def stale_seconds(self) -> float:
        text = httpx.get(f"http://{self.address}:{METRICS_PORT}/metrics", timeout=5).text
        [line] = [line for line in text.splitlines() if line.startswith("authz_blocklist_stale_seconds ")]
        return float(line.split()[1])


def _encoded(document: Any) -> str:
    return urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


@contextmanager
def connected(shell: Shell) -> Iterator[list[Pod]]:
    with ExitStack() as channels:
        yield [
            Pod(pod, channels.enter_context(grpc.insecure_channel(f"{pod['status']['podIP']}:{GRPC_PORT}")))
            for pod in shell.ready_pods(*AUTHZ)
        ]


def authz(shell: Shell, *words: str, check: bool = True) -> tuple[int, str]:
    namespace, name = AUTHZ
    pod = ("kubectl", "exec", f"--namespace={namespace}", f"deployment/{name}", "--")
    done = shell(*pod, "python", "-m", "app.authz", *words, check=check)
    return done.returncode, done.stdout + done.stderr


def in_an_hour() -> str:
    return str(int(time.time()) + HOUR)


@contextmanager
def in_step_again(shell: Shell) -> Iterator[Callable[[], None]]:
    """Within the block the broker is taken away; what it gives is to be called meanwhile.

    The service goes on and says how stale it is. After the block it knows what nobody could tell it.
    """
    before, meanwhile = f"token-{uuid.uuid4()}", f"token-{uuid.uuid4()}"
    authz(shell, "block", before, "--until", in_an_hour())
    with connected(shell) as pods:

        def assert_goes_on() -> None:
            wait_for("all to be stale", lambda: all(pod.stale_seconds() > 0 for pod in pods), 30)
            assert all(pod.is_serving() and pod.refuses(before) for pod in pods)
            code, said = authz(shell, "block", meanwhile, "--until", in_an_hour(), check=False)
            assert (code, "not told" in said) == (1, True)

        yield assert_goes_on
        wait_for("all to be in step", lambda: all(pod.stale_seconds() == 0 for pod in pods), 60)
        assert all(pod.refuses(meanwhile) for pod in pods), "what was kept in Redis alone was never heard of"
