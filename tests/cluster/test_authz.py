"""The authorisation service in the lab. Without the broker it is looked at in test_outages.py."""

import time
import uuid
from collections.abc import Iterator

import pytest

from tests.cluster.authz import AUTHZ, Pod, authz, connected, in_an_hour
from tests.cluster.clients import Shell, wait_for
from tests.cluster.outages import Lab
from tests.cluster.rewards import scaled

IN_STEP_SECONDS = 1


@pytest.fixture(scope="module")
def pods(shell: Shell) -> Iterator[list[Pod]]:
    with scaled(shell, AUTHZ, 2), connected(shell) as both:
        yield both


@pytest.fixture
def jti() -> str:
    return f"token-{uuid.uuid4()}"


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


def test_without_redis_it_goes_on(shell: Shell, lab: Lab, jti: str) -> None:
    authz(shell, "block", jti, "--until", in_an_hour())
    with connected(shell) as now:
        with lab.without_redis():
            assert all(pod.is_serving() and pod.refuses(jti) for pod in now)
            code, said = authz(shell, "block", f"{jti}-2", "--until", in_an_hour(), check=False)
            assert (code, "nothing is changed" in said) == (1, True)
        assert all(pod.refuses(jti) for pod in now)
