import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.character.rewards import Character
from app.events import BYTES_MAX, CONTENT_TYPE, RewardGranted, Unreadable, UnreadableEvent, read_event, write_event

TASK = "3f2b8f9e-8f0a-4a53-9f4e-0d6b6c1a2b3c"
EVENT = RewardGranted(
    task_id=TASK,
    user_id="user-1",
    character=Character(code="char-pet", name="페티", type="무색페트병", dialog='"비우고" 만나요'),
    granted_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
)
DOCUMENT: dict[str, Any] = json.loads(write_event(EVENT))


def changed(**fields: Any) -> bytes:
    """The event's body with other fields; those of ``data`` are written ``data__<field>``."""
    document: dict[str, Any] = json.loads(write_event(EVENT))
    for name, value in fields.items():
        first, _, rest = name.partition("__")
        if rest:
            document[first][rest] = value
        else:
            document[name] = value
    return json.dumps(document).encode()


def test_what_is_written_is_read_again() -> None:
    assert read_event(write_event(EVENT), CONTENT_TYPE) == EVENT


def test_an_event_is_a_cloud_event() -> None:
    required = {"specversion": "1.0", "id": TASK, "source": "/scan/reward", "type": "reward.granted.v1"}
    assert DOCUMENT.items() >= required.items()
    assert DOCUMENT["time"] == "2026-01-02T03:04:05.678901+00:00"


def test_what_a_later_minor_change_adds_is_ignored() -> None:
    assert read_event(changed(traceparent="00-1", data__campaign="spring"), CONTENT_TYPE) == EVENT


UNREADABLE: dict[str, tuple[bytes, str | None, Unreadable]] = {
    "no content type": (write_event(EVENT), None, Unreadable.CONTENT_TYPE),
    "a Celery message": (write_event(EVENT), "application/json", Unreadable.CONTENT_TYPE),
    "a megabyte": (b'{"a": "' + b"x" * 1024 * 1024 + b'"}', CONTENT_TYPE, Unreadable.TOO_LARGE),
    "a little too large": (changed(extra="x" * BYTES_MAX), CONTENT_TYPE, Unreadable.TOO_LARGE),
    "nothing": (b"", CONTENT_TYPE, Unreadable.NO_EVENT),
    "not JSON": (b"\x80\x04}{", CONTENT_TYPE, Unreadable.NO_EVENT),
    "another encoding": (write_event(EVENT).decode().encode("utf-16"), CONTENT_TYPE, Unreadable.NO_EVENT),
    "a list": (b"[]", CONTENT_TYPE, Unreadable.NO_EVENT),
    "deep": (b"[" * 8000, CONTENT_TYPE, Unreadable.NO_EVENT),
    "CloudEvents of another version": (changed(specversion="2.0"), CONTENT_TYPE, Unreadable.NO_EVENT),
    "an id that is a number": (changed(id=1), CONTENT_TYPE, Unreadable.NO_EVENT),
    "a time without a zone": (changed(time="2026-01-01T00:00:00"), CONTENT_TYPE, Unreadable.NO_EVENT),
    "a future version": (changed(type="reward.granted.v2"), CONTENT_TYPE, Unreadable.UNKNOWN_TYPE),
    "another event": (changed(type="scan.completed.v1"), CONTENT_TYPE, Unreadable.UNKNOWN_TYPE),
    "no data": (changed(data=None), CONTENT_TYPE, Unreadable.BAD_DATA),
    "data of another form": (changed(data={"x": 1}), CONTENT_TYPE, Unreadable.BAD_DATA),
    "a user that is a number": (changed(data__user_id=1), CONTENT_TYPE, Unreadable.BAD_DATA),
    "a user of a line and more": (changed(data__user_id="u\n", subject="u\n"), CONTENT_TYPE, Unreadable.BAD_DATA),
    "a task that is no UUID": (changed(data__task_id="1", id="1"), CONTENT_TYPE, Unreadable.BAD_DATA),
    "a character that is a name": (changed(data__character="페티"), CONTENT_TYPE, Unreadable.BAD_DATA),
    "a time that is a number": (changed(data__granted_at=1), CONTENT_TYPE, Unreadable.BAD_DATA),
    "a NUL": (
        changed(data__character={"code": "a\x00", "name": "n", "type": "t", "dialog": "d"}),
        CONTENT_TYPE,
        Unreadable.BAD_DATA,
    ),
    "a long name": (
        changed(data__character={"code": "a", "name": "n" * 1001, "type": "t", "dialog": "d"}),
        CONTENT_TYPE,
        Unreadable.BAD_DATA,
    ),
    "an envelope of another event": (changed(subject="user-2"), CONTENT_TYPE, Unreadable.BAD_DATA),
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_what_is_wrong_with_an_event_is_known_by_a_word(fault: str) -> None:
    body, content_type, reason = UNREADABLE[fault]
    with pytest.raises(UnreadableEvent) as unreadable:
        read_event(body, content_type)
    assert unreadable.value.reason is reason


def test_half_a_character_is_no_text() -> None:
    body = write_event(EVENT).replace("페티".encode(), rb"\ud800")
    with pytest.raises(UnreadableEvent):
        read_event(body, CONTENT_TYPE)


def test_an_error_tells_nothing_of_what_stands_there() -> None:
    with pytest.raises(UnreadableEvent) as unreadable:
        read_event(changed(data__user_id="secret user"), CONTENT_TYPE)
    assert "secret" not in str(unreadable.value), "the log would carry users' data"
    assert "user_id" in str(unreadable.value)
