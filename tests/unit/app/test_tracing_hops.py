"""One trace from hop to hop: each of the app's parts hands on what it was handed."""

import itertools
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from celery import Celery
from celery.app.trace import build_tracer
from opentelemetry.trace import SpanKind
from pydantic import BaseModel

from app import tasks, topology
from app.api.relay import Relay
from app.celery_app import create_celery
from app.character import character_pb2_grpc
from app.character.client import CharacterClient, CharacterRefused
from app.character.decisions import Decision as Decided
from app.character.rewards import Character, Classification, Reward, RewardStatus
from app.character.service import CharacterService
from app.events import CONTENT_TYPE, RewardGranted, read_event, write_event
from app.model import ModelClient, ModelUnavailable
from app.publishing import ConfirmingCelery
from app.savers.saving import traced
from app.scan_chain import scan_chain
from app.settings import ApiSettings
from app.state.steps import Beginning
from app.steps.running import Bury, Decision, PassOn, TryAgain
from app.tracing import names
from app.tracing.spans import span
from app.tracing.traceparent import read_traceparent
from app.worker.reward import publisher
from tests.unit.app.conftest import Api, FakeSteps, Recorded

SCAN = "f3f1a4c2-7b1e-4c0b-9a55-0d7d7f0f5f10"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01"
CAN = Character(code="can", name="캔", type="금속", dialog="안녕")


def span_id(traceparent: str | None) -> int:
    found = read_traceparent(traceparent)
    assert found is not None
    return found.span_id


def ids(text: str | None) -> tuple[str, str]:
    return (text or "")[3:35], (text or "")[36:52]


# From the client into the outbox, and out of it.


def test_a_post_goes_on_with_its_callers_trace_and_its_scan_with_the_posts(api: Api, recorded: Recorded) -> None:
    body = {"image_url": "https://photos.example.com/can.jpg"}
    answer = api.post(json=body, headers={"traceparent": GIVEN})
    post = recorded.finished()["POST /classify/async"]
    assert post.parent is not None
    assert (f"{post.parent.trace_id:032x}", f"{post.parent.span_id:016x}") == (TRACE, SPAN)
    [kept] = api.scans.traceparents
    assert ids(kept) == (TRACE, f"{post.context.span_id:016x}")
    assert post.kind is SpanKind.SERVER
    assert post.attributes == {names.TASK_ID: answer.json()["task_id"], names.OUTCOME: "accepted"}


def test_a_post_with_a_bad_traceparent_begins_a_trace(api: Api, recorded: Recorded) -> None:
    body = {"image_url": "https://photos.example.com/can.jpg"}
    assert api.post(json=body, headers={"traceparent": "00-not-a-trace"}).status_code == 202
    assert recorded.finished()["POST /classify/async"].parent is None


def test_a_refused_post_is_told_by_its_problem(api: Api, recorded: Recorded) -> None:
    assert api.post(json={"image_url": "http://10.0.0.1/secret?token=1"}).status_code == 422
    attributes = recorded.finished()["POST /classify/async"].attributes
    assert attributes is not None
    assert set(attributes) == {names.OUTCOME}


def test_without_an_endpoint_nothing_of_the_callers_trace_is_kept(api: Api) -> None:
    api.post(json={"image_url": "https://photos.example.com/can.jpg"}, headers={"traceparent": GIVEN})
    assert api.scans.traceparents == [None]


def relayed(entry: dict[bytes, bytes], publish: Any) -> bool:
    nothing: Any = None
    relay = Relay(nothing, publish, name="me", threads=1)
    try:
        return relay._hand_over({b"task_id": SCAN.encode(), **entry}, threading.Event())
    finally:
        relay.close()


def test_the_relay_goes_on_with_the_trace_of_an_entry(recorded: Recorded) -> None:
    seen: list[str | None] = []

    def publish(task_id: str) -> None:
        with span("publishing") as inner:
            seen.append(inner.traceparent)

    assert relayed({b"traceparent": GIVEN.encode()}, publish)
    found = recorded.finished()
    assert ids(seen[0])[0] == TRACE
    parent = found["relay"].parent
    assert parent is not None
    assert f"{parent.span_id:016x}" == SPAN
    assert found["publishing"].parent == found["relay"].context


def test_the_relay_begins_a_trace_for_a_scan_that_was_opened_again(recorded: Recorded) -> None:
    assert relayed({b"trace_link": GIVEN.encode()}, lambda _: None)
    relay = recorded.finished()["relay"]
    assert relay.parent is None
    assert [f"{link.context.trace_id:032x}" for link in relay.links] == [TRACE]


# Through Celery's chain.


@dataclass
class Sent:
    """A message as it was handed to Celery's own publishing."""

    name: str
    args: Any
    options: dict[str, Any]

    @property
    def headers(self) -> dict[str, Any]:
        return dict(self.options["headers"])

    def request(self, **more: Any) -> dict[str, Any]:
        """What a worker makes of it."""
        task = next(one for one in topology.TASKS if one.name == self.name)
        own = {name: self.options.get(name) for name in ("chain", "root_id", "parent_id")}
        delivery = {"exchange": task.exchange, "routing_key": task.queue, "priority": None, "redelivered": False}
        retries = self.options.get("retries") or 0
        return {**self.headers, **own, "id": SCAN, "retries": retries, "delivery_info": delivery, **more}


class Messages:
    """A broker that keeps what is published, and a worker that works on it."""

    def __init__(self, celery: ConfirmingCelery, monkeypatch: pytest.MonkeyPatch) -> None:
        self._celery = celery
        self._monkeypatch = monkeypatch
        self.sent: list[Sent] = []
        self.events: list[bytes] = []
        self.connection = SimpleNamespace(collect=lambda **_: None)
        monkeypatch.setattr(ConfirmingCelery, "producer_pool", self)
        monkeypatch.setattr(Celery, "send_task", self._keep)

    @contextmanager
    def acquire(self, **_: Any) -> Any:
        yield self

    def publish(self, body: bytes, **_: Any) -> None:
        self.events.append(body)

    def _keep(self, name: str, args: Any = None, kwargs: Any = None, **options: Any) -> None:
        self.sent.append(Sent(name, args, options))

    def work(self, decision: Decision, **headers: Any) -> None:
        """The oldest message is worked on, and this comes out."""
        message = self.sent.pop(0)
        self._monkeypatch.setattr(tasks, "run_step", lambda *_, **__: decision)
        task = self._celery.tasks[message.name]
        build_tracer(task.name, task, app=self._celery)(SCAN, message.args, {}, request=message.request(**headers))


class Rewarded:
    """A reward's step that publishes what it has granted."""

    def __init__(self, celery: ConfirmingCelery) -> None:
        self._publish = publisher(celery)

    def run(self, argument: Any, retries_left: int) -> Decision:
        self._publish(RewardGranted.of(SCAN, "u1", CAN, datetime.now(UTC)))
        return PassOn(is_news=True)


@pytest.fixture
def celery(environment: Mapping[str, str]) -> ConfirmingCelery:
    made = create_celery(ApiSettings(), name="test", publishing_connections=2)
    nothing: Any = None
    store: Any = FakeSteps(beginning=Beginning.DONE)
    reward: Any = Rewarded(made)
    tasks.register_scan_tasks(made, dict.fromkeys(topology.SCAN_TASKS, nothing), store)
    tasks.register_reward_task(made, reward)
    return made


@pytest.fixture
def messages(celery: ConfirmingCelery, monkeypatch: pytest.MonkeyPatch) -> Messages:
    return Messages(celery, monkeypatch)


def done(argument: Any = SCAN) -> PassOn:
    return PassOn(is_news=True, argument=argument)


def test_a_chain_is_one_trace_from_its_first_message_to_its_event(
    celery: ConfirmingCelery, messages: Messages, recorded: Recorded
) -> None:
    with span("relay"):
        scan_chain(celery, SCAN).apply_async()
    for decision in (done(), done(), done({"task_id": SCAN}), done()):
        messages.work(decision)
    assert not messages.sent

    found = recorded.finished()
    order = ["relay"]
    for task in topology.TASKS:
        order += [f"publish {task.exchange}:{task.queue}", f"process {task.queue}"]
    order.append("publish reward.events")
    assert set(found) == set(order)
    for parent, child in itertools.pairwise(order):
        own = found[child].parent
        assert own is not None, child
        assert own.span_id == found[parent].context.span_id, f"{child} does not come from {parent}"
    assert {one.context.trace_id for one in found.values()} == {found["relay"].context.trace_id}

    event = read_event(messages.events[0], CONTENT_TYPE)
    assert span_id(event.traceparent) == found["publish reward.events"].context.span_id
    assert json.loads(messages.events[0])["traceparent"] == event.traceparent, "as the CloudEvents' extension has it"


def test_a_retry_stays_in_the_trace_and_says_which_try_it_is(
    celery: ConfirmingCelery, messages: Messages, recorded: Recorded
) -> None:
    with span("relay"):
        scan_chain(celery, SCAN).apply_async()
    messages.work(TryAgain("the model is away"), **{"x-delivery-count": 2, "x-acquired-count": 3})
    [retry] = messages.sent
    assert not set(retry.headers) & {"x-delivery-count", "x-acquired-count"}, "they tell of the message before"
    assert retry.headers["traceparent"] != GIVEN

    spans_before = recorded.finished()
    again = Recorded()
    messages.work(done())
    first, second = spans_before["process scan.vision"], again.finished()["process scan.vision"]
    assert first.attributes is not None
    assert second.attributes is not None
    waiting = spans_before["publish retry.1s:scan.vision"]
    assert waiting.parent is not None
    assert waiting.parent.span_id == first.context.span_id
    assert second.parent is not None
    assert second.parent.span_id == waiting.context.span_id
    assert second.context.trace_id == first.context.trace_id
    assert (first.attributes[names.ATTEMPT], first.attributes[names.DELIVERY]) == (1, 3)
    assert (second.attributes[names.ATTEMPT], second.attributes[names.DELIVERY]) == (2, 1)
    assert (first.attributes[names.OUTCOME], second.attributes[names.OUTCOME]) == ("retried", "succeeded")


def test_a_task_that_is_given_up_is_a_fault_and_publishes_nothing(
    celery: ConfirmingCelery, messages: Messages, recorded: Recorded
) -> None:
    scan_chain(celery, SCAN).apply_async()
    messages.work(Bury("four tries"))
    assert not messages.sent
    attributes = recorded.finished()["process scan.vision"].attributes
    assert attributes is not None
    assert attributes[names.OUTCOME] == "failed"


def test_what_a_task_says_of_itself_is_in_the_list_of_what_may_be_said(
    celery: ConfirmingCelery, messages: Messages, recorded: Recorded
) -> None:
    scan_chain(celery, SCAN).apply_async()
    messages.work(done())
    for one in recorded.finished().values():
        assert set(one.attributes or ()) <= names.ALL


def test_a_message_with_a_bad_trace_is_worked_on(
    celery: ConfirmingCelery, messages: Messages, recorded: Recorded
) -> None:
    scan_chain(celery, SCAN).apply_async()
    messages.work(done(), traceparent="garbage", **{"eco2-trace-link": {"a": 1}, "x-delivery-count": "many"})
    assert recorded.finished()["process scan.vision"].parent is None
    assert len(messages.sent) == 1


def test_without_an_endpoint_messages_carry_no_trace(celery: ConfirmingCelery, messages: Messages) -> None:
    scan_chain(celery, SCAN).apply_async()
    assert not [name for name in messages.sent[0].headers if "trace" in name]
    messages.work(done())
    assert not [name for name in messages.sent[0].headers if "trace" in name]


# To the model, to Character and to those who save.


class Advice(BaseModel):
    text: str


def test_a_call_of_the_model_is_a_span_that_says_how_it_went(recorded: Recorded) -> None:
    model = ModelClient(base_url="http://127.0.0.1:9/v1?key=hidden", api_key="hidden", timeout_seconds=2)
    model.start()
    with pytest.raises(ModelUnavailable):
        model.complete(model="m", name="disposal", messages=[{"role": "user", "content": "hidden"}], answer=Advice)
    call = recorded.finished()["ask the model"]
    assert call.kind is SpanKind.CLIENT
    assert call.attributes == {names.STEP: "disposal", names.OUTCOME: "ModelUnavailable"}


@contextmanager
def serving() -> Iterator[int]:
    """Character behind this port, with a decision that is always the same."""
    reward = Reward(status=RewardStatus.GRANTED, character=CAN, catalogue_version=1)
    catalogue: Any = SimpleNamespace(snapshot=None)
    service = CharacterService(catalogue, lambda question, snapshot: Decided(reward=reward, is_repeated=False))
    server = grpc.server(ThreadPoolExecutor(2))
    character_pb2_grpc.add_CharacterServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def ask(port: int, user_id: str = "u1") -> Reward:
    client = CharacterClient("127.0.0.1", port, timeout_seconds=5)
    try:
        return client.grant_reward(
            task_id=SCAN,
            user_id=user_id,
            classification=Classification(major_category="재활용폐기물", middle_category="캔"),
            has_rules=True,
            insufficient=False,
        )
    finally:
        client.close()


def test_a_call_of_character_is_a_span_on_both_sides(recorded: Recorded) -> None:
    with serving() as port:
        assert ask(port).status is RewardStatus.GRANTED
    server, client = recorded.all()
    assert (server.kind, client.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert server.name == client.name == "eco2.character.v1.CharacterService/GrantReward"
    assert server.parent is not None
    assert (server.parent.trace_id, server.parent.span_id) == (client.context.trace_id, client.context.span_id)
    for one in (server, client):
        assert one.attributes == {names.TASK_ID: SCAN, names.OUTCOME: "OK"}


def test_a_refused_call_of_character_is_a_fault_on_both_sides(recorded: Recorded) -> None:
    with serving() as port, pytest.raises(CharacterRefused):
        ask(port, user_id="no user's")
    server, client = recorded.all()
    assert (server.attributes or {})[names.OUTCOME] == (client.attributes or {})[names.OUTCOME] == "INVALID_ARGUMENT"


def test_character_is_called_without_an_endpoint_too() -> None:
    with serving() as port:
        assert ask(port).status is RewardStatus.GRANTED


def event(**changed: Any) -> RewardGranted:
    return replace(RewardGranted.of(SCAN, "u1", CAN, datetime.now(UTC)), **changed)


def test_a_saved_batch_is_linked_to_its_events_and_says_when_it_failed(recorded: Recorded) -> None:
    def fail(events: Sequence[RewardGranted]) -> None:
        raise ValueError(events[0].user_id)

    saved: list[RewardGranted] = []
    traced("users.save_character", saved.extend)([event(traceparent=GIVEN), event(), event(traceparent="garbage")])
    with pytest.raises(ValueError, match="u1"):
        traced("character.save_ownership", fail)([event(traceparent=GIVEN)])
    assert len(saved) == 3
    found = recorded.finished()
    good, bad = found["process users.save_character"], found["process character.save_ownership"]
    for one, outcome in ((good, "saved"), (bad, "ValueError")):
        assert one.parent is None
        assert [f"{link.context.span_id:016x}" for link in one.links] == [SPAN]
        assert one.attributes is not None
        assert one.attributes[names.OUTCOME] == outcome


@pytest.mark.parametrize("garbage", ["not a trace", 7, None, {"a": [1]}])
def test_an_event_is_read_whatever_its_trace_is(garbage: Any) -> None:
    document = json.loads(write_event(event()))
    assert "traceparent" not in document
    read = read_event(json.dumps(document | {"traceparent": garbage}).encode(), CONTENT_TYPE)
    assert read.user_id == "u1"
    assert read_traceparent(read.traceparent) is None
