"""A cluster in memory and a provider on it, for tests of what the Kubernetes stand-in does with the answers."""

import copy
from typing import Any

import pytest

from lab.pulumi.kubernetes.client import ApiError
from lab.pulumi.kubernetes.discovery import KindMissing, Resource
from lab.pulumi.kubernetes.engine_log import EngineLog, Progress
from lab.pulumi.kubernetes.objects import Kind, kind_of, name_of, namespace_of
from lab.pulumi.kubernetes.provider import Provider
from lab.pulumi.kubernetes.settings import Settings
from lab.pulumi.kubernetes.waiting import Wait


class FakeDiscovery:
    """Serves every kind but those in ``missing``."""

    def __init__(self) -> None:
        self.missing: set[str] = set()

    def find(self, kind: Kind) -> Resource | None:
        return None if kind.name in self.missing else Resource(kind, kind.name.lower() + "s", True)

    def refresh(self) -> None:
        pass


class FakeCluster:
    """Keeps objects as they are given. ``answers`` are raised, in order, by the calls that change something."""

    def __init__(self) -> None:
        self.discovery = FakeDiscovery()
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.answers: list[Exception] = []
        self.logs: dict[str, str] = {}

    def add(self, obj: dict[str, Any]) -> dict[str, Any]:
        self.objects[_key(obj)] = obj
        return obj

    def serves(self, kind: Kind) -> bool:
        return self.discovery.find(kind) is not None

    def find(self, obj: dict[str, Any]) -> dict[str, Any] | None:
        return copy.deepcopy(self.objects.get(_key(obj)))

    def get(self, obj: dict[str, Any]) -> dict[str, Any]:
        found = self.find(obj)
        if found is None:
            raise ApiError(404, {"message": "not found"})
        return found

    def list(self, kind: Kind, namespace: str, **query: str) -> list[dict[str, Any]]:
        uid = query.get("fieldSelector", "").partition("involvedObject.uid=")[2].partition(",")[0]
        return [
            obj
            for (name, space, _), obj in self.objects.items()
            if name == kind.name and space == namespace and (not uid or obj["involvedObject"]["uid"] == uid)
        ]

    def create(self, obj: dict[str, Any], manager: str, *, dry_run: bool = False) -> dict[str, Any]:
        return self._change("create", obj, manager=manager, dry_run=dry_run)

    def apply(self, obj: dict[str, Any], manager: str, *, force: bool = False, dry_run: bool = False) -> dict[str, Any]:
        return self._change("apply", obj, manager=manager, force=force, dry_run=dry_run)

    def patch(self, obj: dict[str, Any], operations: Any) -> dict[str, Any]:
        return obj

    def delete(self, obj: dict[str, Any], propagation: str) -> None:
        self._change("delete", obj, propagation=propagation, dry_run=True)
        self.objects.pop(_key(obj), None)

    def log(self, pod: dict[str, Any], container: str, *, lines: int, previous: bool) -> str:
        return self.logs[container]

    def _change(self, verb: str, obj: dict[str, Any], **options: Any) -> dict[str, Any]:
        self.calls.append((verb, obj, options))
        if self.answers:
            raise self.answers.pop(0)
        if kind_of(obj).name in self.discovery.missing:
            raise KindMissing(kind_of(obj))
        made = copy.deepcopy(obj)
        made["metadata"]["uid"] = f"uid-of-{name_of(obj)}"
        return made if options["dry_run"] else copy.deepcopy(self.add(made))


def _key(obj: dict[str, Any]) -> tuple[str, str, str]:
    return kind_of(obj).name, namespace_of(obj), name_of(obj)


class RecordingLog(EngineLog):
    def __init__(self) -> None:
        super().__init__("")
        self.texts: list[str] = []

    def _send(self, urn: str, text: str, severity: Any, *, ephemeral: bool) -> None:
        self.texts.append(text)


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def log() -> RecordingLog:
    return RecordingLog()


@pytest.fixture
def provider(cluster: FakeCluster, log: RecordingLog) -> Provider:
    return Provider(Settings(), log, cluster=cluster)  # type: ignore[arg-type]


@pytest.fixture
def offline(log: RecordingLog) -> Provider:
    return Provider(Settings(), log, unreachable="nobody answers")


@pytest.fixture
def wait(provider: Provider, cluster: FakeCluster, log: RecordingLog) -> Wait:
    return Wait(cluster, Progress(log, "urn"), provider.cancelled, seconds=0.01)  # type: ignore[arg-type]
