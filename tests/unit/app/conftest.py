"""Stand-ins for what the app talks to: a model, a step's store, and the API's store of scans."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.api.app import create_app
from app.api.hub import Hub
from app.api.memory import MemoryWatch
from app.api.parts import Parts, get_parts
from app.api.pictures import Pictures
from app.api.uploads import Uploads
from app.model import Answer, Message
from app.settings import ApiSettings
from app.state.record import Record, Status, Step
from app.state.scans import Acceptance, Claim, ClaimHeld, FirstUse, NewScan
from app.state.steps import Beginning, Change, Ending, Lease, ScanInput
from app.tracing import spans
from app.tracing.sdk import SdkRecorder

ENVIRONMENT = {
    "RABBITMQ_HOST": "broker",
    "RABBITMQ_USERNAME": "scan-api",
    "RABBITMQ_PASSWORD": "b@/ker",
    "REDIS_HOST": "redis",
    "REDIS_PASSWORD": "r@/dis",
}


BY_ADDRESS = ScanInput(user="u1", photo=None, image_url="https://example.com/can.jpg", user_input=None)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The least environment that the API runs in."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return ENVIRONMENT


class FakeModel:
    """Answers each call with the next of ``answers``: a document in the form that is asked for, or an error."""

    def __init__(self, *answers: Mapping[str, Any] | Exception) -> None:
        self._answers = list(answers)
        self.calls: list[dict[str, Any]] = []

    def complete(self, *, model: str, name: str, messages: Sequence[Message], answer: type[Answer]) -> Answer:
        self.calls.append({"model": model, "name": name, "messages": messages})
        said = self._answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return answer.model_validate(said)


@dataclass
class FakeSteps:
    """A step's store without Redis. Its fields are what it answers and what it was told."""

    beginning: Beginning = Beginning.BEGUN
    ending: Ending = Ending.STORED
    losses: int = 0
    fault: Exception | None = None
    """Raised when the outcome is stored."""
    given: ScanInput = BY_ADDRESS
    outputs: dict[Step, dict[str, Any]] = field(default_factory=dict)
    stored: list[tuple[dict[str, Any], list[Change], bool]] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)
    released: int = 0
    ended: int = 0

    def begin(self, task_id: str, step: Step, progress: int) -> Lease | Beginning:
        if self.beginning is Beginning.BEGUN:
            return Lease(task_id=task_id, step=step, fence=1, losses=self.losses)
        return self.beginning

    def finish(
        self, lease: Lease, output: Mapping[str, Any], changes: Sequence[Change], *, drops_photo: bool = False
    ) -> Ending:
        if self.fault:
            raise self.fault
        self.stored.append((dict(output), list(changes), drops_photo))
        return self.ending

    def release(self, lease: Lease) -> None:
        self.released += 1

    def end(self, lease: Lease) -> None:
        self.ended += 1

    def fail(self, lease: Lease, error: Mapping[str, str]) -> Ending:
        self.errors.append(dict(error))
        return Ending.FAILED if self.ending is Ending.STORED else self.ending

    def input(self, task_id: str) -> ScanInput:
        return self.given

    def output(self, task_id: str, step: Step) -> dict[str, Any] | None:
        return self.outputs.get(step)


class FakeScans:
    """The API's store of scans without Redis."""

    def __init__(self) -> None:
        self.scans: dict[str, NewScan] = {}
        self.records: dict[str, Record] = {}
        self.keys: dict[tuple[str, str], FirstUse | Claim] = {}
        self.traceparents: list[str | None] = []
        self.acceptance = Acceptance.ACCEPTED
        self.fault: Exception | None = None

    async def claim(self, user: str, key: str) -> Claim | FirstUse:
        held = self.keys.get((user, key))
        if isinstance(held, Claim):
            raise ClaimHeld
        if held is not None:
            return held
        self.keys[user, key] = Claim(key=key, token=user)
        return Claim(key=key, token=user)

    async def forget(self, claim: Claim) -> None:
        if isinstance(self.keys[claim.token, claim.key], Claim):
            del self.keys[claim.token, claim.key]

    async def accept(
        self, task_id: str, scan: NewScan, claim: Claim | None = None, *, traceparent: str | None = None
    ) -> Acceptance:
        if self.fault:
            raise self.fault
        self.traceparents.append(traceparent)
        if self.acceptance is Acceptance.ACCEPTED:
            self.scans[task_id] = scan
            self.records[task_id] = Record(
                task_id=task_id, version=1, status=Status.QUEUED, step=Step.PENDING, progress=0
            )
            if claim:
                self.keys[claim.token, claim.key] = FirstUse(task_id=task_id, digest=scan.digest)
        return self.acceptance

    async def read(self, task_id: str) -> Record | None:
        return self.records.get(task_id)

    async def outbox_length(self) -> int:
        return len(self.scans)

    async def outbox_age_seconds(self) -> float:
        return 90.0 if self.scans else 0.0

    async def ping(self) -> None:
        if self.fault:
            raise self.fault


@dataclass
class Api:
    """The API over fakes, as a client sees it."""

    client: TestClient
    scans: FakeScans
    hub: Hub
    memory: MemoryWatch

    def post(self, *, headers: Mapping[str, str] | None = None, **request: Any) -> Any:
        """Asks for a scan as user u1."""
        return self.client.post("/classify/async", headers={"X-User-ID": "u1", **(headers or {})}, **request)


@pytest.fixture
def api(environment: Mapping[str, str]) -> Iterator[Api]:
    settings = ApiSettings()
    scans: Any = FakeScans()
    pictures = Pictures()
    no_redis: Any = None
    parts = Parts(
        settings=settings,
        scans=scans,
        uploads=Uploads(pictures, at_a_time=2, seconds=5),
        hub=Hub(no_redis, streams_max=2),
        memory=MemoryWatch(scans, share=0.5),
    )
    app = create_app(settings)
    app.dependency_overrides[get_parts] = lambda: parts
    # Without its lifespan the app connects to nothing.
    yield Api(TestClient(app, raise_server_exceptions=False), scans, parts.hub, parts.memory)
    pictures.close()


class Recorded:
    """Records spans as with an endpoint, and keeps them here."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        spans.record_with(SdkRecorder("test", self._exporter))

    def all(self) -> tuple[ReadableSpan, ...]:
        """In the order of their ends. Nothing is recorded any more after it."""
        spans.close()
        return self._exporter.get_finished_spans()

    def finished(self) -> dict[str, ReadableSpan]:
        """The same by their names, of which there is one each."""
        found = self.all()
        by_name = {span.name: span for span in found}
        assert len(by_name) == len(found), "two spans of one name"
        return by_name


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    yield Recorded()
    spans.record_with(None)
