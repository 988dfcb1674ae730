"""Asks the Character service. One client serves all threads of a process."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from app.character import character_pb2, character_pb2_grpc
from app.character.rewards import Character, Classification, Reward, RewardStatus
from app.tracing import names
from app.tracing.spans import Kind, span
from app.tracing.traceparent import KEY

SERVICE = character_pb2.DESCRIPTOR.services_by_name["CharacterService"].full_name
"""Under this name the health service says whether decisions can be made and kept."""

METHOD = f"{SERVICE}/GrantReward"
"""What both sides' spans are called."""

_STATUSES = {
    character_pb2.NONE: RewardStatus.NONE,
    character_pb2.GRANTED: RewardStatus.GRANTED,
    character_pb2.OWNED: RewardStatus.OWNED,
}

_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": SERVICE}],
            # A pod that goes away: another takes the call. What is away for longer is the asker's to wait for.
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.1s",
                "maxBackoff": "0.4s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}

_OPTIONS = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.enable_http_proxy", 0),
    # A pod whose node is gone says nothing: without pings its calls would fail one after the other.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # New pods have new addresses: by default gRPC asks for them every half a minute at most.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)

_UNREACHED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

_FAILING_SECONDS = 5.0
"""A connection that fails at this age is replaced. After 100 s without any pod gRPC was seen to keep to addresses of
pods that were gone for longer than 12 s: it looks for new ones ever more rarely. A new connection asks at once."""


class CharacterUnavailable(Exception):
    """There is no answer now. The same question may be asked again: it is decided once."""


class CharacterRefused(Exception):
    """The question is wrong and will always be."""


class _Connection:
    """A channel, with what is called over it, and when it began on the monotonic clock."""

    def __init__(self, target: str) -> None:
        self.begun = time.monotonic()
        self.channel = grpc.insecure_channel(target, options=_OPTIONS)
        self.character = character_pb2_grpc.CharacterServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)


class CharacterClient:
    """Calls a headless Service's pods in turn. It connects when it is first used, and again whenever it has to.

    ``timeout_seconds`` bounds each call, from the name's resolution to the answer.
    """

    def __init__(self, host: str, port: int, *, timeout_seconds: float) -> None:
        self._target = f"dns:///{host}:{port}"
        self._timeout_seconds = timeout_seconds
        self._renewal = threading.Lock()
        self._connection = _Connection(self._target)
        self._former: _Connection | None = None

    def grant_reward(
        self, *, task_id: str, user_id: str, classification: Classification, has_rules: bool, insufficient: bool
    ) -> Reward:
        """The decision on this scan, always the same one. Raises CharacterUnavailable or CharacterRefused."""
        request = character_pb2.GrantRewardRequest(
            user_id=user_id,
            task_id=task_id,
            classification=character_pb2.Classification(
                major_category=classification.major_category,
                middle_category=classification.middle_category,
                minor_category=classification.minor_category,
            ),
            has_rules=has_rules,
            insufficient=insufficient,
        )
        with span(METHOD, Kind.CLIENT, {names.TASK_ID: task_id}) as traced:
            try:
                answer = self._call(
                    lambda connection: connection.character.GrantReward, request, traceparent=traced.traceparent
                )
            except grpc.RpcError as error:
                traced.ends(error.code().name, is_fault=True)
                raise _translated(error) from error
            traced.ends(grpc.StatusCode.OK.name)
        return read_reward(answer)

    def is_serving(self) -> bool:
        """Whether a pod that is asked now could decide and keep its decision. False when none answers."""
        question = health_pb2.HealthCheckRequest(service=SERVICE)
        try:
            answer = self._call(lambda connection: connection.health.Check, question)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def close(self) -> None:
        for connection in (self._connection, self._former):
            if connection is not None:
                connection.channel.close()

    def _call(self, method: Callable[[_Connection], Any], request: Any, *, traceparent: str | None = None) -> Any:
        connection = self._connection
        metadata = None if traceparent is None else ((KEY, traceparent),)
        try:
            return method(connection)(request, timeout=self._timeout_seconds, wait_for_ready=False, metadata=metadata)
        except grpc.RpcError as error:
            if error.code() in _UNREACHED:
                self._replace(connection)
            raise

    def _replace(self, failing: _Connection) -> None:
        """The next call has a new connection. Calls over the former one are left alone until their time is over."""
        with self._renewal:
            age_seconds = time.monotonic() - failing.begun
            if self._connection is not failing or age_seconds < max(_FAILING_SECONDS, self._timeout_seconds):
                return
            if self._former is not None:
                self._former.channel.close()
            self._former, self._connection = failing, _Connection(self._target)


def _translated(error: Any) -> CharacterUnavailable | CharacterRefused:
    """What the asker needs to know of an error. Only what a repetition cannot change is a refusal."""
    kind = CharacterRefused if error.code() is grpc.StatusCode.INVALID_ARGUMENT else CharacterUnavailable
    return kind(f"{error.code().name}: {error.details()}")


def read_reward(answer: character_pb2.GrantRewardResponse) -> Reward:
    """An answer in our words. Raises CharacterUnavailable for a status that this client does not know."""
    status = _STATUSES.get(answer.status)
    if status is None:
        raise CharacterUnavailable(f"an answer of a newer service: status {answer.status}")
    given = answer.character
    character = Character(code=given.code, name=given.name, type=given.type, dialog=given.dialog)
    return Reward(
        status=status,
        character=None if status is RewardStatus.NONE else character,
        catalogue_version=answer.catalogue_version,
    )
