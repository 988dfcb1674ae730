"""The service over a real channel, with decisions that need no database."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError, TimeoutError

from app.character import character_pb2, character_pb2_grpc
from app.character.catalogue.snapshot import Catalogue, Snapshot
from app.character.client import SERVICE, CharacterClient, CharacterRefused, CharacterUnavailable, read_reward
from app.character.decisions import AnotherUsersTask, Decision, Question
from app.character.rewards import Character, Classification, Reward, RewardStatus
from app.character.service import CharacterService
from app.rules import RECYCLABLE
from tests.unit.character.conftest import TASK

PAPER = Character(code="char-paper", name="페이피", type="종이 캐릭터", dialog="안녕!")
LOST = Exception("the driver's words")


@dataclass
class FakeDecisions:
    """Answers each question with ``answer``, or raises it."""

    answer: Reward | Exception = field(
        default_factory=lambda: Reward(status=RewardStatus.GRANTED, character=PAPER, catalogue_version=13)
    )
    questions: list[Question] = field(default_factory=list)

    def decide(self, question: Question, catalogue: Snapshot) -> Decision:
        self.questions.append(question)
        if isinstance(self.answer, Exception):
            raise self.answer
        return Decision(reward=self.answer, is_repeated=False)


@dataclass
class Service:
    """A running service; ``ask`` asks it for a reward."""

    decisions: FakeDecisions
    said: health.HealthServicer
    client: CharacterClient

    def ask(self, **values: Any) -> Reward:
        usual: dict[str, Any] = {
            "task_id": str(TASK),
            "user_id": "u1",
            "classification": Classification(major_category=RECYCLABLE, middle_category="종이"),
            "has_rules": True,
            "insufficient": False,
        }
        return self.client.grant_reward(**{**usual, **values})


Serve = Callable[[Catalogue], Service]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[grpc.Server] = []
    clients: list[CharacterClient] = []

    def start(catalogue: Catalogue) -> Service:
        decisions, said = FakeDecisions(), health.HealthServicer()
        server = grpc.server(ThreadPoolExecutor(2))
        character_pb2_grpc.add_CharacterServiceServicer_to_server(CharacterService(catalogue, decisions.decide), server)
        health_pb2_grpc.add_HealthServicer_to_server(said, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        client = CharacterClient("127.0.0.1", port, timeout_seconds=5)
        servers.append(server)
        clients.append(client)
        return Service(decisions, said, client)

    yield start
    for client in clients:
        client.close()
    for server in servers:
        server.stop(None)


@pytest.fixture
def service(serve: Serve, catalogue: Catalogue) -> Service:
    return serve(catalogue)


@pytest.mark.parametrize(
    "reward",
    [
        Reward(status=RewardStatus.GRANTED, character=PAPER, catalogue_version=13),
        Reward(status=RewardStatus.OWNED, character=PAPER, catalogue_version=14),
        Reward(status=RewardStatus.NONE, character=None, catalogue_version=15),
    ],
    ids=lambda reward: reward.status.value,
)
def test_a_decision_arrives_as_it_was_made(service: Service, reward: Reward) -> None:
    service.decisions.answer = reward
    assert service.ask() == reward


def test_a_question_arrives_as_it_was_asked(service: Service) -> None:
    seen = Classification(major_category="대형폐기물", middle_category=None, minor_category="의자")
    service.ask(classification=seen, has_rules=False, insufficient=True)
    expected = Question(task_id=TASK, user_id="u1", classification=seen, has_rules=False, insufficient=True)
    assert service.decisions.questions == [expected]


@pytest.mark.parametrize(
    "wrong",
    [
        {"task_id": ""},
        {"task_id": "7"},
        {"task_id": str(TASK).upper()},
        {"task_id": f"{{{TASK}}}"},
        {"user_id": ""},
        {"user_id": "u" * 129},
        {"user_id": "u 1"},
        {"user_id": "u1\n"},
        {"classification": Classification(major_category="종" * 101)},
        {"classification": Classification(major_category=RECYCLABLE, middle_category="종" * 101)},
        {"classification": Classification(major_category=RECYCLABLE, minor_category="종" * 101)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_malformed_question_is_refused_before_anybody_decides(service: Service, wrong: dict[str, Any]) -> None:
    with pytest.raises(CharacterRefused, match="malformed"):
        service.ask(**wrong)
    assert not service.decisions.questions


def test_another_users_task_is_refused(service: Service) -> None:
    service.decisions.answer = AnotherUsersTask()
    with pytest.raises(CharacterRefused, match="another user"):
        service.ask()


@pytest.mark.parametrize(
    "failure",
    [
        OperationalError("INSERT", {}, LOST),
        InternalError("INSERT", {}, LOST),
        TimeoutError("no free connection"),
    ],
    ids=["away", "read-only", "busy"],
)
def test_a_database_that_takes_nothing_is_to_be_asked_again(service: Service, failure: Exception) -> None:
    service.decisions.answer = failure
    with pytest.raises(CharacterUnavailable, match="UNAVAILABLE"):
        service.ask()


@pytest.mark.parametrize("fault", [IntegrityError("INSERT", {}, LOST), AssertionError("a fault of ours")])
def test_a_fault_of_ours_is_never_called_a_wrong_question(service: Service, fault: Exception) -> None:
    service.decisions.answer = fault
    with pytest.raises(CharacterUnavailable):
        service.ask()


def test_without_a_catalogue_nothing_is_decided(serve: Serve) -> None:
    service = serve(Catalogue())
    with pytest.raises(CharacterUnavailable, match="not loaded"):
        service.ask()
    assert not service.decisions.questions, "a scan would be kept as worth nothing for ever"


def test_the_client_asks_again_when_a_pod_goes_away(service: Service) -> None:
    service.decisions.answer = OperationalError("INSERT", {}, LOST)
    with pytest.raises(CharacterUnavailable):
        service.ask()
    assert len(service.decisions.questions) == 3, "each rolling update would cost rewards a round of the retry ladder"


def test_nobody_there_is_said_at_once_and_can_be_retried() -> None:
    client = CharacterClient("127.0.0.1", 1, timeout_seconds=2)
    with pytest.raises(CharacterUnavailable):
        Service(FakeDecisions(), health.HealthServicer(), client).ask()
    assert not client.is_serving()
    client.close()


def test_a_connection_that_fails_is_replaced_once_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """gRPC looks for new addresses ever more rarely; after a long outage it would go on asking pods that are gone."""
    begun: list[str] = []
    connect, now = grpc.insecure_channel, [1000.0]
    monkeypatch.setattr(grpc, "insecure_channel", lambda target, **options: begun.append(target) or connect(target))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    client = CharacterClient("127.0.0.1", 1, timeout_seconds=2)
    assert not client.is_serving()
    assert not client.is_serving()
    assert len(begun) == 1, "a new connection for each call would find no pod more, and cost more"
    for renewals in (1, 2, 3):
        now[0] += 6
        assert not client.is_serving()
        assert len(begun) == 1 + renewals
    client.close()


def test_a_refusal_keeps_its_connection(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.ask()
    monkeypatch.setattr(grpc, "insecure_channel", None)
    now = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with pytest.raises(CharacterRefused):
        service.ask(user_id="not a name")


def test_the_client_sees_what_the_health_service_says(service: Service) -> None:
    said = health_pb2.HealthCheckResponse
    assert not service.client.is_serving(), "a service that has said nothing yet is not well"
    service.said.set(SERVICE, said.SERVING)
    assert service.client.is_serving()
    service.said.set(SERVICE, said.NOT_SERVING)
    assert not service.client.is_serving()


def test_an_answer_of_a_newer_service_is_no_reward() -> None:
    unknown = character_pb2.GrantRewardResponse()
    assert unknown.status == character_pb2.REWARD_STATUS_UNSPECIFIED
    with pytest.raises(CharacterUnavailable):
        read_reward(unknown)
