import urllib.error
import urllib.request

import pytest

from app.health import STILL_SECONDS, ConsumerHealth, serve


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> ConsumerHealth:
    return ConsumerHealth(clock)


def test_a_worker_that_waits_for_the_broker_lives_but_is_not_ready(health: ConsumerHealth, clock: Clock) -> None:
    health.consuming()
    health.connecting()
    clock.now += 10 * STILL_SECONDS
    assert health.is_alive, "a broker's outage would restart every worker, and with them the scans in flight"
    assert not health.is_ready


def test_a_worker_whose_loop_stands_still_is_dead(health: ConsumerHealth, clock: Clock) -> None:
    health.consuming()
    assert (health.is_alive, health.is_ready) == (True, True)
    clock.now += STILL_SECONDS
    assert not health.is_alive


def test_a_beating_loop_is_alive(health: ConsumerHealth, clock: Clock) -> None:
    health.consuming()
    clock.now += STILL_SECONDS - 1
    health.beat()
    clock.now += STILL_SECONDS - 1
    assert health.is_alive


def test_a_worker_that_goes_down_is_left_in_peace(health: ConsumerHealth, clock: Clock) -> None:
    health.consuming()
    health.going_down()
    clock.now += STILL_SECONDS
    assert health.is_alive, "the probe would kill it before its steps have finished"
    assert not health.is_ready


def test_probes_see_it_over_http(health: ConsumerHealth) -> None:
    server = serve(health, 0)
    base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        with pytest.raises(urllib.error.HTTPError, match="503") as unready:
            urllib.request.urlopen(f"{base}/readyz")
        assert b"rabbitmq" in unready.value.read()
        assert urllib.request.urlopen(f"{base}/livez").status == 200
        assert b"python_info" in urllib.request.urlopen(f"{base}/metrics").read()
    finally:
        server.shutdown()
