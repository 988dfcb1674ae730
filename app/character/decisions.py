"""Decides which character a scan has earned, and keeps each decision in PostgreSQL before anybody hears of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert

from app.character.catalogue.snapshot import Row, Snapshot
from app.character.rewards import Character, Classification, Reward, RewardStatus
from app.character.tables import character_ownerships, reward_decisions
from app.rules import RECYCLABLE


@dataclass(frozen=True, kw_only=True)
class Question:
    """One scan, and what is known of it."""

    task_id: UUID
    user_id: str
    classification: Classification
    has_rules: bool
    insufficient: bool


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The answer to a question; ``is_repeated`` when the task had been decided before."""

    reward: Reward
    is_repeated: bool


class AnotherUsersTask(Exception):
    """The task has been decided for another user."""


def earned(question: Question, catalogue: Snapshot) -> Row | None:
    """The character that such a scan is worth: of recyclable waste with rules, to which nothing is left to be done."""
    seen = question.classification
    if seen.major_category != RECYCLABLE or not seen.middle_category:
        return None
    if not question.has_rules or question.insufficient:
        return None
    return catalogue.match(seen.middle_category)


class Decisions:
    """The decisions that have been made. Raises ``sqlalchemy.exc.SQLAlchemyError`` when the database is away."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def decide(self, question: Question, catalogue: Snapshot) -> Decision:
        """The kept decision on this task; the first time, it is made by this catalogue and committed.

        Raises AnotherUsersTask.
        """
        with self._database.begin() as connection:
            if kept := _kept(connection, question):
                return kept
            character = earned(question, catalogue)
            for status in _candidates(connection, question.user_id, character):
                reward = _reward(status, character, catalogue.version)
                if _keep(connection, question, reward):
                    return Decision(reward=reward, is_repeated=False)
                # Somebody was quicker: with this task, or with another that has earned the same character.
                if kept := _kept(connection, question):
                    return kept
        raise AssertionError("nothing but its own task can stand in the way of a decision that grants nothing")

    def check(self) -> bool:
        """Whether decisions can be written now: the database answers, has the tables and is not read-only."""
        with self._database.connect() as connection:
            connection.execute(select(reward_decisions.c.task_id).limit(0))
            return connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "off"


def _candidates(connection: Connection, user_id: str, character: Row | None) -> tuple[RewardStatus, ...]:
    """What may be kept, in the order of trying."""
    if character is None:
        return (RewardStatus.NONE,)
    if _is_owner(connection, user_id, character.code):
        return (RewardStatus.OWNED,)
    return (RewardStatus.GRANTED, RewardStatus.OWNED)


def _is_owner(connection: Connection, user_id: str, code: str) -> bool:
    """Whether the user has it already, for example from before there were decisions."""
    rows = select(character_ownerships.c.id).where(
        character_ownerships.c.user_id == user_id, character_ownerships.c.character_code == code
    )
    return connection.execute(rows).first() is not None


def _keep(connection: Connection, question: Question, reward: Reward) -> bool:
    """Whether it is kept. Without a named target both conflicts are meant: the task's, and a character's second grant.

    Waits for another transaction that is about to keep one in its way.
    """
    given = reward.character
    values = {
        "task_id": question.task_id,
        "user_id": question.user_id,
        "status": reward.status.value,
        "character_code": given and given.code,
        "character_name": given and given.name,
        "character_type": given and given.type,
        "character_dialog": given and given.dialog,
        "catalogue_version": reward.catalogue_version,
    }
    statement = insert(reward_decisions).values(values).on_conflict_do_nothing().returning(reward_decisions.c.task_id)
    return connection.execute(statement).first() is not None


def _kept(connection: Connection, question: Question) -> Decision | None:
    rows = select(reward_decisions).where(reward_decisions.c.task_id == question.task_id)
    found = connection.execute(rows).mappings().first()
    if found is None:
        return None
    if found["user_id"] != question.user_id:
        raise AnotherUsersTask
    return Decision(reward=_read(found), is_repeated=True)


def _read(found: Mapping[Any, Any]) -> Reward:
    code = found["character_code"]
    return Reward(
        status=RewardStatus(found["status"]),
        character=None
        if code is None
        else Character(
            code=code,
            name=found["character_name"],
            type=found["character_type"],
            dialog=found["character_dialog"],
        ),
        catalogue_version=found["catalogue_version"],
    )


def _reward(status: RewardStatus, row: Row | None, version: int) -> Reward:
    return Reward(status=status, character=None if row is None else _character(row), catalogue_version=version)


def _character(row: Row) -> Character:
    return Character(code=row.code, name=row.name, type=row.type_label, dialog=row.dialog)
