"""The list in memory, and what it takes over from Redis and from messages."""

import json

import pytest

from app.authz.blocklist import BlockList, Change
from app.authz.messages import Unreadable, read_change, write_change

NOW = 1000.0


@pytest.fixture
def blocked() -> BlockList:
    return BlockList(clock=lambda: NOW)


def block(version: int, until: float = NOW + 60) -> Change:
    return Change(jti="a", until=until, version=version)


def unblock(version: int) -> Change:
    return Change(jti="a", until=None, version=version)


def test_a_token_is_blocked_until_it_expires(blocked: BlockList) -> None:
    blocked.replace({"a": NOW + 1, "b": NOW}, version=1)
    assert blocked.is_blocked("a")
    assert not blocked.is_blocked("b")
    assert not blocked.is_blocked("c")


def test_a_list_without_entries_is_loaded_all_the_same(blocked: BlockList) -> None:
    assert not blocked.is_loaded
    blocked.replace({}, version=0)
    assert blocked.is_loaded, "no pod would ever be ready before somebody blocks a token"


def test_changes_are_made_as_they_come(blocked: BlockList) -> None:
    blocked.replace({}, version=0)
    blocked.apply(block(1))
    assert blocked.is_blocked("a")
    blocked.apply(unblock(2))
    assert not blocked.is_blocked("a")


def test_changes_that_the_load_has_already_are_not_made_again(blocked: BlockList) -> None:
    blocked.replace({}, version=2)
    blocked.apply(block(1))
    assert not blocked.is_blocked("a"), "the token was unblocked after that"


@pytest.mark.parametrize(
    ("first", "second", "is_blocked"), [(unblock(5), block(4), False), (block(5), unblock(4), True)]
)
def test_changes_that_overtake_one_another_end_as_redis_has_them(
    first: Change, second: Change, is_blocked: bool, blocked: BlockList
) -> None:
    blocked.replace({}, version=3)
    blocked.apply(first)
    blocked.apply(second)
    assert blocked.is_blocked("a") == is_blocked


def test_a_redis_that_has_lost_its_data_is_believed(blocked: BlockList) -> None:
    blocked.replace({"a": NOW + 60}, version=90)
    blocked.replace({}, version=0)
    blocked.apply(block(1))
    assert blocked.is_blocked("a"), "changes would be ignored until the count has caught up"


def test_what_has_expired_is_forgotten(blocked: BlockList) -> None:
    blocked.replace({"a": NOW - 1, "b": NOW + 1}, version=1)
    assert blocked.drop_expired() == 1
    assert len(blocked) == 1


@pytest.mark.parametrize("change", [block(7), unblock(8)])
def test_a_change_survives_its_message(change: Change) -> None:

    assert read_change(json.dumps(write_change(change)).encode()) == change


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"type": "block", "jti": "a", "version": 1}',
        b'{"type": "unblock", "jti": "a", "until": 5, "version": 1}',
        b'{"type": "block", "jti": "", "until": 5, "version": 1}',
        b'{"type": "block", "jti": "a", "until": 5}',
        b'{"type": "block", "jti": "a", "until": NaN, "version": 1}',
        b'{"type": "erase", "jti": "a", "until": 5, "version": 1}',
    ],
)
def test_a_message_that_tells_of_no_change_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_change(body)
