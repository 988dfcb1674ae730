"""The authorisation service in the lab, asked as Envoy would ask it."""

import json
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import httpx
import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.cluster.clients import Json, Shell, wait_for
from tests.cluster.outages import Lab
from tests.cluster.rewards import scaled

AUTHZ = ("auth", "authz")
GRPC_PORT = 50052
METRICS_PORT = 9000
IN_STEP_SECONDS = 1
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


@pytest.fixture(scope="module")
def pods(shell: Shell) -> Iterator[list[Pod]]:
    with scaled(shell, AUTHZ, 2), connected(shell) as both:
        yield both


@pytest.fixture
def jti() -> str:
    return f"token-{uuid.uuid4()}"


def authz(shell: Shell, *words: str, check: bool = True) -> tuple[int, str]:
    namespace, name = AUTHZ
    pod = ("kubectl", "exec", f"--namespace={namespace}", f"deployment/{name}", "--")
    done = shell(*pod, "python", "-m", "app.authz", *words, check=check)
    return done.returncode, done.stdout + done.stderr


def in_an_hour() -> str:
    return str(int(time.time()) + HOUR)


def test_a_token_that_is_blocked_is_refused_by_every_pod_within_a_second(
    shell: Shell, pods: list[Pod], jti: str
) -> None:
    assert all(pod.is_serving() and not pod.refuses(jti) for pod in pods)
    authz(shell, "block", jti, "--until", in_an_hour())
    wait_for("all to refuse it", lambda: all(pod.refuses(jti) for pod in pods), IN_STEP_SECONDS, 0.02)
    authz(shell, "unblock", jti)
    wait_for("all to let it pass", lambda: not any(pod.refuses(jti) for pod in pods), IN_STEP_SECONDS, 0.02)


def test_a_block_ends_with_its_token(shell: Shell, pods: list[Pod], jti: str) -> None:
    authz(shell, "block", jti, "--until", str(time.time() + 8))
    assert pods[0].refuses(jti)
    wait_for("its end", lambda: not pods[0].refuses(jti), 15)


def test_the_user_is_the_tokens_and_nobody_elses(pods: list[Pod], jti: str) -> None:
    [user] = pods[0].check(jti, user="user-7", x_user_id="somebody-else").ok_response.headers
    assert (user.header.key, user.header.value) == ("x-user-id", "user-7")
    assert pods[0].check(None, x_user_id="somebody").denied_response.status.code == 401


def test_a_new_pod_knows_what_was_blocked_before(shell: Shell, jti: str) -> None:
    authz(shell, "block", jti, "--until", in_an_hour())
    with scaled(shell, AUTHZ, 0):
        pass
    with connected(shell) as fresh:
        assert fresh
        assert all(pod.refuses(jti) for pod in fresh)


def test_a_change_during_a_cut_is_there_after_it(shell: Shell, lab: Lab, pods: list[Pod], jti: str) -> None:
    with connected(shell) as now:
        lab.cut_off("authz")
        authz(shell, "block", jti, "--until", in_an_hour())
        wait_for("all to refuse it", lambda: all(pod.refuses(jti) for pod in now), 10, 0.05)


def test_without_the_broker_it_goes_on_and_says_how_stale_it_is(shell: Shell, lab: Lab, jti: str) -> None:
    before, meanwhile = jti, f"{jti}-2"
    authz(shell, "block", before, "--until", in_an_hour())
    with connected(shell) as now:
        with lab.without_broker():
            wait_for("all to be stale", lambda: all(pod.stale_seconds() > 0 for pod in now), 30)
            assert all(pod.is_serving() and pod.refuses(before) for pod in now)
            code, said = authz(shell, "block", meanwhile, "--until", in_an_hour(), check=False)
            assert (code, "not told" in said) == (1, True)
        wait_for("all to be in step", lambda: all(pod.stale_seconds() == 0 for pod in now), 60)
        assert all(pod.refuses(meanwhile) for pod in now), "what was kept in Redis alone was never heard of"


def test_without_redis_it_goes_on(shell: Shell, lab: Lab, jti: str) -> None:
    authz(shell, "block", jti, "--until", in_an_hour())
    with connected(shell) as now:
        with lab.without_redis():
            assert all(pod.is_serving() and pod.refuses(jti) for pod in now)
            code, said = authz(shell, "block", f"{jti}-2", "--until", in_an_hour(), check=False)
            assert (code, "nothing is changed" in said) == (1, True)
        assert all(pod.refuses(jti) for pod in now)
