"""Asks the Character service. One client serves all threads of a process."""

import json
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from app.character import character_pb2, character_pb2_grpc
from app.character.rewards import Character, Classification, Reward, RewardStatus

SERVICE = character_pb2.DESCRIPTOR.services_by_name["CharacterService"].full_name
"""Under this name the health service says whether decisions can be made and kept."""

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
    # New pods have new addresses. By default gRPC asks for them every half a minute at most, and backs off for two.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


class CharacterUnavailable(Exception):
    """There is no answer now. The same question may be asked again: it is decided once."""


class CharacterRefused(Exception):
    """The question is wrong and will always be."""


class CharacterClient:
    """Calls a headless Service's pods in turn. It connects when it is first used, and again whenever it has to.

    ``timeout_seconds`` bounds each call, from the name's resolution to the answer.
    """

    def __init__(self, host: str, port: int, *, timeout_seconds: float) -> None:
        self._channel = grpc.insecure_channel(f"dns:///{host}:{port}", options=_OPTIONS)
        self._stub = character_pb2_grpc.CharacterServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)
        self._timeout_seconds = timeout_seconds

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
        try:
            answer = self._stub.GrantReward(request, timeout=self._timeout_seconds, wait_for_ready=False)
        except grpc.RpcError as error:
            raise _translated(error) from error
        return read_reward(answer)

    def is_serving(self) -> bool:
        """Whether a pod that is asked now could decide and keep its decision. False when none answers."""
        question = health_pb2.HealthCheckRequest(service=SERVICE)
        try:
            answer = self._health.Check(question, timeout=self._timeout_seconds, wait_for_ready=False)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def close(self) -> None:
        self._channel.close()


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
