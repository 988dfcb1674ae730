"""Events, as CloudEvents 1.0 in their structured JSON form (https://github.com/cloudevents/spec).

The type carries its version. A version is never changed once it was published: events lie in queues, among dead
letters and in archives for weeks. A new one is given a reader here, in all consumers, before anybody publishes it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.character.rewards import Character
from app.tracing.traceparent import KEY, read_traceparent

CONTENT_TYPE = "application/cloudevents+json"
REWARD_GRANTED = "reward.granted.v1"
SOURCE = "/scan/reward"

BYTES_MAX = 16 * 1024
"""An event of ours has some 700 bytes."""


class Unreadable(StrEnum):
    """Why an event cannot be read."""

    TOO_LARGE = "too_large"
    CONTENT_TYPE = "content_type"
    NO_EVENT = "no_event"
    """It is no JSON, or no CloudEvent."""
    UNKNOWN_TYPE = "unknown_type"
    """Another event, or a version that did not exist when this was written."""
    BAD_DATA = "bad_data"


class UnreadableEvent(Exception):
    """It cannot be read, however often. The detail says what is wrong but not what stands there."""

    def __init__(self, reason: Unreadable, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class RewardGranted:
    """A user has earned a character with a scan. The scan's id is also the event's."""

    task_id: str
    user_id: str
    character: Character
    granted_at: datetime
    traceparent: str | None = None
    """Where it was published, in which trace."""

    @classmethod
    def of(cls, task_id: str, user_id: str, character: Character, granted_at: datetime) -> "RewardGranted":
        return cls(task_id=task_id, user_id=user_id, character=character, granted_at=granted_at.astimezone(UTC))

    @property
    def time(self) -> datetime:
        """When it happened."""
        return self.granted_at


class _Form(BaseModel):
    """What is not known is ignored, as CloudEvents asks for; what is known must be right."""

    model_config = ConfigDict(strict=True)


# PostgreSQL keeps no NUL in texts.
_Code = Annotated[str, Field(max_length=100, pattern=r"^[^\x00]+$")]
_Text = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]+$")]
_Word = Annotated[str, Field(min_length=1, max_length=200)]


class _Envelope(_Form):
    specversion: Literal["1.0"]
    id: _Word
    source: _Word
    type: _Word
    subject: _Word
    time: AwareDatetime
    traceparent: Any = None
    """Of the extension for distributed tracing. No event is refused for it."""


class _Character(_Form):
    code: _Code
    name: _Text
    type: _Text
    dialog: _Text


class _RewardGrantedV1(_Form):
    user_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
    task_id: UUID
    character: _Character
    granted_at: AwareDatetime


class _RewardGrantedEventV1(_Envelope):
    data: _RewardGrantedV1

    @model_validator(mode="after")
    def _says_the_same_twice(self) -> "_RewardGrantedEventV1":
        if (self.id, self.subject) != (str(self.data.task_id), self.data.user_id):
            raise ValueError("the envelope is another event's than the data")
        return self


def _read_reward_granted_v1(body: bytes) -> RewardGranted:
    event = _RewardGrantedEventV1.model_validate_json(body)
    data, place = event.data, read_traceparent(event.traceparent)
    return RewardGranted(
        task_id=str(data.task_id),
        user_id=data.user_id,
        character=Character(**data.character.model_dump()),
        granted_at=data.granted_at.astimezone(UTC),
        traceparent=None if place is None else str(place),
    )


_READERS: dict[str, Callable[[bytes], RewardGranted]] = {REWARD_GRANTED: _read_reward_granted_v1}
"""By type. Versions that are published no more keep their readers: their events may still come."""


def write_event(event: RewardGranted) -> bytes:
    """The body of the event's message, in the newest version."""
    character = event.character
    data = {
        "user_id": event.user_id,
        "task_id": event.task_id,
        "character": {
            "code": character.code,
            "name": character.name,
            "type": character.type,
            "dialog": character.dialog,
        },
        "granted_at": event.granted_at.isoformat(),
    }
    envelope = {
        "specversion": "1.0",
        "id": event.task_id,
        "source": SOURCE,
        "type": REWARD_GRANTED,
        "subject": event.user_id,
        "time": event.granted_at.isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
    if event.traceparent is not None:
        envelope[KEY] = event.traceparent
    return json.dumps(envelope, ensure_ascii=False).encode()


def read_event(body: bytes, content_type: str | None) -> RewardGranted:
    """Reads a message. Raises ``UnreadableEvent``."""
    if (content_type or "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise UnreadableEvent(Unreadable.CONTENT_TYPE, f"not {CONTENT_TYPE}")
    if len(body) > BYTES_MAX:
        raise UnreadableEvent(Unreadable.TOO_LARGE, f"{len(body)} bytes")
    try:
        kind = _Envelope.model_validate_json(body).type
    except ValidationError as error:
        raise UnreadableEvent(Unreadable.NO_EVENT, _faults(error)) from error
    if kind not in _READERS:
        raise UnreadableEvent(Unreadable.UNKNOWN_TYPE, repr(kind[:50]))
    try:
        return _READERS[kind](body)
    except ValidationError as error:
        raise UnreadableEvent(Unreadable.BAD_DATA, _faults(error)) from error


def _faults(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, fault['loc']))} {fault['type']}".strip() for fault in error.errors()[:3])
