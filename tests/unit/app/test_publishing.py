from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from celery import Celery
from celery.exceptions import Reject
from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.exceptions import OperationalError

from app import publishing
from app.celery_app import create_celery
from app.publishing import PUBLISHED_AT, ConfirmingCelery
from app.scan_chain import scan_chain
from app.settings import ApiSettings


class Broker:
    """Refuses a number of publishes, then confirms. Stands in for a pool of producers and Celery's own sending."""

    def __init__(self, refusals: int) -> None:
        self._refusals = refusals
        self.sent: list[dict[str, Any]] = []
        self.dropped_connections = 0
        self.connection = self

    @contextmanager
    def acquire(self, **_: Any) -> Iterator["Broker"]:
        yield self

    def collect(self, **_: Any) -> None:
        self.dropped_connections += 1

    def send_task(self, _: Celery, name: str, args: Any, kwargs: Any, **options: Any) -> str:
        if self._refusals:
            self._refusals -= 1
            raise OperationalError("no broker")
        self.sent.append(options)
        return name

    def publish(self, body: bytes, **options: Any) -> None:
        self.send_task(Celery(), "", None, None, body=body, **options)


@pytest.fixture
def celery(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> ConfirmingCelery:
    monkeypatch.setattr(publishing, "_FIRST_WAIT_SECONDS", 0.001)
    return create_celery(ApiSettings(), name="test", publishing_connections=2)


def connect(monkeypatch: pytest.MonkeyPatch, broker: Broker, *, in_task: bool) -> None:
    monkeypatch.setattr(ConfirmingCelery, "producer_pool", broker)
    monkeypatch.setattr(ConfirmingCelery, "current_worker_task", "a task" if in_task else None)
    monkeypatch.setattr(Celery, "send_task", lambda *args, **options: broker.send_task(*args, **options))


def test_inside_a_task_a_publish_goes_on_until_it_is_confirmed(
    celery: ConfirmingCelery, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(refusals=5)
    connect(monkeypatch, broker, in_task=True)
    assert celery.send_task("next.link") == "next.link", "the chain would end here, with its message acknowledged"
    assert broker.dropped_connections == 5, "a late confirm would be taken for the next message's"


def test_outside_a_task_there_is_one_attempt(celery: ConfirmingCelery, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, Broker(refusals=1), in_task=False)
    with pytest.raises(OperationalError):
        celery.send_task("first.link")


def test_a_worker_that_goes_down_gives_the_message_back(
    celery: ConfirmingCelery, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, Broker(refusals=99), in_task=True)
    celery.going_down.set()
    with pytest.raises(Reject) as rejected:
        celery.send_task("next.link")
    assert rejected.value.requeue, "dead-lettered, a healthy scan would be lost"


def test_each_publish_waits_for_its_confirm_and_tells_its_time(
    celery: ConfirmingCelery, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(refusals=0)
    connect(monkeypatch, broker, in_task=False)
    celery.send_task("first.link", headers={"other": 1})
    [options] = broker.sent
    assert options["confirm_timeout"] > 0, "under a disk alarm it would block for ever"
    assert options["retry"] is False
    assert options["mandatory"] is True, "what no binding takes would be confirmed, and lost"
    assert set(options["headers"]) == {"other", PUBLISHED_AT}


def test_a_publish_waits_for_no_result(celery: ConfirmingCelery, monkeypatch: pytest.MonkeyPatch) -> None:
    awaited: list[str] = []
    monkeypatch.setattr(celery.backend, "on_task_call", lambda _, task_id: awaited.append(task_id))
    monkeypatch.setattr(ConfirmingCelery, "producer_pool", MagicMock())
    scan_chain(celery, "some-id").apply_async()
    assert not awaited, "each publishing thread would keep a connection to Redis for results that nobody reads"


def test_an_event_is_published_as_it_is_until_it_is_confirmed(
    celery: ConfirmingCelery, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(refusals=2)
    connect(monkeypatch, broker, in_task=True)
    celery.send_event("some.events", b"body", content_type="application/cloudevents+json", message_id="id")
    [event] = broker.sent
    assert event["mandatory"] is True
    assert (event["body"], event["exchange"], event["content_type"]) == (
        b"body",
        "some.events",
        "application/cloudevents+json",
    )
    assert event["delivery_mode"] == 2, "it would be gone after the broker's restart"
    assert event["confirm_timeout"] > 0


def test_an_event_arrives_as_it_was_written(celery: ConfirmingCelery, monkeypatch: pytest.MonkeyPatch) -> None:
    body, arrived = "페티".encode(), list[Any]()
    with Connection("memory://") as connection:
        queue = Queue("listener", Exchange("written.events", "fanout"))
        pool = SimpleNamespace(acquire=lambda **_: nullcontext(Producer(connection)))
        monkeypatch.setattr(ConfirmingCelery, "producer_pool", pool)
        with Consumer(connection, [queue], on_message=arrived.append):
            celery.send_event("written.events", body, content_type="application/cloudevents+json", message_id="id")
            connection.drain_events(timeout=5)
    [message] = arrived
    assert message.content_type == "application/cloudevents+json"
    assert message.body in (body, body.decode())
