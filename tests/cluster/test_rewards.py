"""Rewards: decided beside the answer, kept once, and never lost, whichever neighbour is away."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from app import topology
from tests.cluster.clients import Broker, Model, Scans, Shell, wait_for
from tests.cluster.load import percentile
from tests.cluster.outages import Lab
from tests.cluster.rewards import (
    CAN,
    CHARACTER,
    FLUSH_SECONDS,
    UNKNOWN,
    USERS_OF_POSTGRES,
    Arrivals,
    Rows,
    assert_all_granted_once,
    inserts,
    query,
    restarts,
    reward_of,
    rows_per_insert,
    scaled,
    submit,
)

READ_ONLY_SECONDS = 40
"""All retries and several replays, hurried as they are. The outage of two minutes is that of test_monitoring.py."""


def test_a_scan_earns_a_character_once_and_both_tables_have_it(scans: Scans, model: Model, rows: Rows) -> None:
    first = reward_of(scans.settle(scans.submit_url(CAN, user=rows.user(0))))
    assert first["status"] == "granted"
    assert set(first["character"]) == {"name", "type", "dialog"}
    wait_for("its rows", rows.are_whole, FLUSH_SECONDS + 5)
    second = reward_of(scans.settle(scans.submit_url(CAN, user=rows.user(0))))
    assert second == {"status": "owned", "character": first["character"]}
    time.sleep(FLUSH_SECONDS + 1)
    assert len(rows.ownerships) == len(rows.copies) == 1


def test_the_last_event_and_the_status_say_the_same_of_the_reward(scans: Scans, model: Model, rows: Rows) -> None:
    task_id = scans.submit_url(CAN, user=rows.user(0))
    [*_, last] = scans.events(task_id)
    assert reward_of(last.data)["status"] in ("pending", "granted")
    settled = scans.settle(task_id)
    [again] = scans.events(task_id)
    assert again.data == settled


def test_what_nobody_could_recognise_earns_nothing(scans: Scans, model: Model, shell: Shell, rows: Rows) -> None:
    with scaled(shell, CHARACTER, 0):
        end = scans.settle(scans.submit_url(UNKNOWN, user=rows.user(0)), timeout_seconds=10)
    assert reward_of(end) == {"status": "none"}, "it needs no Character to know that"


def test_rewards_reach_their_rows_in_time_at_twenty_a_second_and_in_batches(
    scans: Scans, model: Model, shell: Shell, rows: Rows
) -> None:
    # Character may just have been away: who asks before the worker is connected again waits for a retry.
    scans.settle(scans.submit_url(CAN, user="test-before"))
    before = inserts(shell)
    times = model.counters()
    with Arrivals(shell, rows) as arrivals:
        tasks = submit(scans, rows, 200, per_second=20)
        assert_all_granted_once(scans, rows, tasks, 60)
    seconds = percentile(arrivals.seconds(per_second=20), 0.95) - times["vision_seconds"] - times["answer_seconds"]
    # The bound is 1 s above the interval; a busy machine's noise is not the product's.
    assert seconds <= 1.15 * (FLUSH_SECONDS + 1), "from the POST to both rows, the model's time left out"
    for workload, per_statement in rows_per_insert(before, inserts(shell)).items():
        assert per_statement >= 10, f"{workload[1]} inserts {per_statement:.1f} rows at a time"


def test_rewards_wait_for_character_and_are_then_granted_once_without_a_hand(
    hurried: None, scans: Scans, model: Model, shell: Shell, broker: Broker, rows: Rows
) -> None:
    dead = topology.dead_letter_queue(topology.REWARD_TASK.queue)
    with scaled(shell, CHARACTER, 0):
        tasks = submit(scans, rows, 80, per_second=10)
        ends = [scans.finish(task) for task in tasks]
        assert {end["status"] for end in ends} == {"completed"}, "a neighbour's outage reached the clients"
        assert {reward_of(end)["status"] for end in ends} == {"pending"}
        wait_for("the last retry to fail", lambda: len(broker.messages(dead)) == len(tasks), 60, every_seconds=2)
        time.sleep(15)
        assert len(broker.messages(dead)) == len(tasks), "the outage uses the replays up"
        assert not rows.granted
    assert_all_granted_once(scans, rows, tasks, 120)


@contextmanager
def read_only_postgres(shell: Shell) -> Iterator[None]:
    # Connections keep what they were opened with.
    new_connections = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'eco2'"
    try:
        query(shell, "ALTER DATABASE character SET default_transaction_read_only = on")
        query(shell, new_connections)
        yield
    finally:
        query(shell, "ALTER DATABASE character RESET default_transaction_read_only")
        query(shell, new_connections)


def test_rewards_and_events_wait_while_postgres_is_read_only_and_then_land_once(
    hurried: None, scans: Scans, model: Model, shell: Shell, lab: Lab, rows: Rows
) -> None:
    """tests/cluster/test_monitoring.py takes PostgreSQL away altogether, and for longer."""
    tasks = submit(scans, rows, 20)
    before = restarts(shell, *USERS_OF_POSTGRES)
    with lab.well_afterwards(), read_only_postgres(shell):
        tasks += submit(scans, rows, 20, first=20)
        assert {scans.finish(task)["status"] for task in tasks} == {"completed"}
        time.sleep(READ_ONLY_SECONDS)
        assert restarts(shell, *USERS_OF_POSTGRES) == before, "a pod was restarted for the database's sake"
    assert_all_granted_once(scans, rows, tasks, 120)
