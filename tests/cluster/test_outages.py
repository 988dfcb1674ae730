"""The broker and Redis go away under load: what was answered 202 is only late, and nothing is done twice."""

import time
from pathlib import Path

import pytest

from app.state.record import OUTBOX
from app.steps.forms import ANSWER_FORM, CLASSIFICATION_FORM
from tests.cluster.authz import in_step_again
from tests.cluster.clients import Model, wait_for
from tests.cluster.load import Load
from tests.cluster.outages import API, Lab
from tests.cluster.processes import frozen, kill, running
from tests.cluster.rewards import Rows, assert_all_granted_once, submit

API_PROGRAM = "python"
PER_SECOND = 5
P99_SECONDS = 0.3
ONCE_PER_STEP = {CLASSIFICATION_FORM: 1, ANSWER_FORM: 1}


def assert_only_delayed(load: Load, lab: Lab, model: Model) -> None:
    assert load.accepted
    left = load.not_completed(timeout_seconds=120)
    assert not left, f"{len(left)} of {len(load.accepted)} scans that were answered 202 have no answer: {left}"
    wait_for("an empty outbox", lambda: lab.outbox_entries() == 0, 10)
    calls = load.model_calls(model)
    assert calls == [ONCE_PER_STEP] * len(calls), "the model was called twice for a step: its first answer was lost"


def assert_not_felt(load: Load) -> None:
    assert not load.refused, f"clients felt the broker: {[str(post) for post in load.refused[:5]]}"
    assert load.p99_seconds <= P99_SECONDS, f"clients felt the broker: p99 {load.p99_seconds:.3f} s"


def test_a_minute_without_a_broker_only_delays_scans_and_rewards(
    lab: Lab, photo: Path, model: Model, rows: Rows
) -> None:
    before, outage, some = 3, 60, 20
    with in_step_again(lab.shell) as assert_authz_goes_on, Load(lab.scans, PER_SECOND, before + outage, photo) as load:
        time.sleep(before)
        rewarded = submit(lab.scans, rows, some)
        with lab.without_broker():
            rewarded += submit(lab.scans, rows, some, first=some)
            assert_authz_goes_on()
            load.wait()
            waiting = lab.outbox_entries()
    assert_not_felt(load)
    assert 0.9 * PER_SECOND * outage <= waiting - some <= len(load.posts), "the metric does not tell what waits"
    assert_only_delayed(load, lab, model)
    assert_all_granted_once(lab.scans, rows, rewarded, 180)


def test_a_frozen_broker_only_delays(lab: Lab, photo: Path, model: Model) -> None:
    with lab.well_afterwards(), Load(lab.scans, PER_SECOND, 23, photo) as load:
        time.sleep(3)
        with frozen(lab.broker_processes()):
            load.wait()
    assert_not_felt(load)
    assert_only_delayed(load, lab, model)


def test_the_outbox_is_bounded(lab: Lab, photo: Path, model: Model) -> None:
    bound = 20
    with lab.well_afterwards(), lab.env(API, OUTBOX_MAX_ENTRIES=str(bound)):
        with frozen(lab.broker_processes()), Load(lab.scans, 1000, (bound + 1) / 1000, photo) as load:
            load.wait()
        assert [len(load.accepted), len(load.refused)] == [bound, 1]
        [refused] = load.refused
        assert refused.status == 429
        assert refused.says_when_to_come_back, str(refused)
        assert_only_delayed(load, lab, model)


def test_what_a_killed_relay_held_is_handed_on_by_another(lab: Lab, photo: Path, model: Model) -> None:
    store = lab.redis()

    def relays_with_entries() -> int:
        return sum(relay["pending"] > 0 for relay in store.xinfo_consumers(OUTBOX, "relay"))

    with lab.well_afterwards(), lab.api_pods(2) as pods, Load(lab.scans, PER_SECOND, 15, photo) as load:
        time.sleep(2)
        with frozen(lab.broker_processes()):
            wait_for("both relays to hold entries", lambda: relays_with_entries() == 2, 10)
            kill(running(API_PROGRAM, pods[0]["metadata"]["uid"]))
        load.wait()
        # Both are there until the dead one's share is taken over: what follows is done by two relays at once.
        assert_only_delayed(load, lab, model)


@pytest.mark.parametrize("how", ["deleted", "killed"])
def test_a_restart_of_redis_loses_no_scan(how: str, lab: Lab, photo: Path, model: Model) -> None:
    with lab.well_afterwards(), Load(lab.scans, PER_SECOND, 15, photo) as load:
        time.sleep(4)
        if how == "deleted":
            lab.shell.kubectl("delete", "pod", "redis-0", "--namespace=redis", "--wait=false")
        else:
            kill(lab.redis_processes())
        load.wait()
    assert len(load.accepted) > PER_SECOND * 6, "Redis was hardly ever there"
    impolite = [str(post) for post in load.refused if not post.says_when_to_come_back]
    assert not impolite, f"clients were told neither 503 nor when to come back: {impolite}"
    left = load.not_completed(timeout_seconds=90)
    assert not left, f"{len(left)} of {len(load.accepted)} scans that were answered 202 are lost: {left}"
