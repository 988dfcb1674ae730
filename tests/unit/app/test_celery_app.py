"""Celery's configuration against the topology that it is computed from."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker.consumer.tasks import Tasks

from app import topology
from app.celery_app import create_celery
from app.publishing import ConfirmingCelery
from app.scan_chain import scan_chain
from app.settings import ApiSettings, BeatSettings
from app.worker import reward, scan


@pytest.fixture
def celery(environment: Mapping[str, str]) -> ConfirmingCelery:
    return create_celery(ApiSettings(), name="test", publishing_connections=2)


def test_each_task_goes_to_its_queue_by_exchange_and_key(celery: ConfirmingCelery) -> None:
    bound = {(binding.exchange, binding.routing_key): binding.queue for binding in topology.BINDINGS}
    for task in topology.TASKS:
        route = celery.amqp.router.route({}, task.name)
        assert bound[route["exchange"], route["routing_key"]] == task.queue
        assert "queue" not in route, "Celery would publish to the default exchange, past the alternate exchange"


def test_an_exchange_that_a_publish_names_wins_over_its_tasks_route(celery: ConfirmingCelery) -> None:
    for task in topology.TASKS:
        given = {"exchange": task.ladder[0].name, "routing_key": task.queue}
        route = celery.amqp.router.route(given, task.name)
        assert (route["exchange"], route["routing_key"]) == (task.ladder[0].name, task.queue), "no retry would wait"


def test_a_worker_limits_what_it_holds_by_consumer_and_not_by_channel(celery: ConfirmingCelery) -> None:
    transport = celery.connection_for_read().transport
    broker: Any = SimpleNamespace(server_properties={"product": "RabbitMQ", "version": "4.0.5"})
    connection = SimpleNamespace(
        transport=transport, qos_semantics_matches_spec=transport.qos_semantics_matches_spec(broker)
    )
    consumer = SimpleNamespace(app=celery, connection=connection)
    assert Tasks.qos_global(None, consumer) is False, (
        "quorum queues refuse it (540), and the worker reconnects for ever"
    )


def test_celery_declares_nothing(celery: ConfirmingCelery) -> None:
    for queue in celery.amqp.queues.values():
        assert queue.no_declare, f"{queue.name}: a declaration with other arguments than the broker's ends in a 406"
        assert queue.exchange.no_declare
        assert not queue.queue_arguments, "Celery would take it for a quorum queue and declare 28 delay queues"
    assert not celery.conf.task_create_missing_queues
    assert not celery.conf.worker_enable_remote_control


@pytest.mark.parametrize(("service", "queues"), [("scan-worker", scan.QUEUES), ("reward-worker", reward.QUEUES)])
def test_each_workers_queues_are_known_to_celery_and_allowed_by_the_broker(
    celery: ConfirmingCelery, service: str, queues: tuple[str, ...]
) -> None:
    [consumes] = [known.consumes for known in topology.SERVICES if known.name == service]
    assert set(queues) <= set(consumes) & set(celery.amqp.queues)


def test_the_workers_take_every_queue_that_tasks_go_to() -> None:
    assert {*scan.QUEUES, *reward.QUEUES} == {*(task.queue for task in topology.TASKS), topology.DEFAULT_QUEUE}


def test_no_message_is_acknowledged_before_its_work_is_done(celery: ConfirmingCelery) -> None:
    assert celery.conf.task_acks_late
    assert celery.conf.task_acks_on_failure_or_timeout is False, "a scan would be lost with an error nobody thought of"
    assert celery.conf.broker_transport_options["confirm_publish"]


def test_a_password_of_any_characters_reaches_the_broker_whole(celery: ConfirmingCelery) -> None:
    connection = celery.connection_for_write()
    assert (connection.userid, connection.password, connection.virtual_host) == ("scan-api", "b@/ker", topology.VHOST)


def test_the_chain_carries_the_scans_id(celery: ConfirmingCelery) -> None:
    tasks = scan_chain(celery, "some-id").tasks
    assert [task.task for task in tasks] == [task.name for task in topology.TASKS], "the reward is the last link"
    assert (tasks[0].args, tasks[0].options["task_id"]) == (("some-id",), "some-id")


def test_a_process_without_redis_keeps_no_results(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REDIS_HOST", "REDIS_PASSWORD"):
        monkeypatch.delenv(name)
    celery = create_celery(BeatSettings(), name="test", publishing_connections=1)
    assert not celery.conf.result_backend
    assert not celery.conf.result_expires, "beat would send a task that cleans up results at four in the morning"
