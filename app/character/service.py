"""The gRPC side of the Character service: checks questions, and says in gRPC's words what has become of them."""

import logging
import re
import time
from typing import NoReturn, Protocol
from uuid import UUID

import grpc
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from app.character import character_pb2, character_pb2_grpc
from app.character.catalogue.snapshot import Catalogue, NotLoaded, Snapshot
from app.character.client import METHOD
from app.character.decisions import AnotherUsersTask, Decision, Question
from app.character.metrics import CALLS, DECISIONS, SECONDS
from app.character.rewards import Classification, Reward, RewardStatus
from app.tracing import names
from app.tracing.spans import Kind, span
from app.tracing.traceparent import KEY

logger = logging.getLogger(__name__)

_USER_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CATEGORY_CHARACTERS = 100
_OUR_FAULTS = (DataError, IntegrityError)
"""What no repetition would change. It is logged; the caller may try again all the same."""

_STATUSES = {
    RewardStatus.NONE: character_pb2.NONE,
    RewardStatus.GRANTED: character_pb2.GRANTED,
    RewardStatus.OWNED: character_pb2.OWNED,
}


class Decide(Protocol):
    """``decisions.Decisions.decide``."""

    def __call__(self, question: Question, catalogue: Snapshot) -> Decision: ...


class Refused(Exception):
    """A question that is not answered, with the status that says why."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


class CharacterService(character_pb2_grpc.CharacterServiceServicer):
    """Answers from several threads."""

    def __init__(self, catalogue: Catalogue, decide: Decide) -> None:
        self._catalogue = catalogue
        self._decide = decide

    def GrantReward(
        self, request: character_pb2.GrantRewardRequest, context: grpc.ServicerContext
    ) -> character_pb2.GrantRewardResponse:
        start = time.monotonic()
        with span(METHOD, Kind.SERVER, parent=_traceparent(context)) as traced:
            try:
                if not context.is_active():
                    # It waited for a thread for longer than its asker wanted to.
                    raise Refused(grpc.StatusCode.DEADLINE_EXCEEDED, "too late")
                decision = self._answered(request)
            except Refused as refusal:
                CALLS.labels(refusal.code.name).inc()
                traced.ends(refusal.code.name, is_fault=True)
                _abort(context, refusal)
            finally:
                SECONDS.observe(time.monotonic() - start)
            traced.note({names.TASK_ID: request.task_id})
            traced.ends("REPEATED" if decision.is_repeated else grpc.StatusCode.OK.name)
        CALLS.labels(grpc.StatusCode.OK.name).inc()
        return _answer(decision.reward)

    def _answered(self, request: character_pb2.GrantRewardRequest) -> Decision:
        question = read_question(request)
        try:
            decision = self._decide(question, self._catalogue.snapshot)
        except NotLoaded:
            raise Refused(grpc.StatusCode.UNAVAILABLE, "the catalogue is not loaded yet") from None
        except AnotherUsersTask:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the task has been decided for another user") from None
        except _OUR_FAULTS as error:
            logger.exception("task %s cannot be decided", question.task_id)
            raise Refused(grpc.StatusCode.INTERNAL, "the decision cannot be kept") from error
        except SQLAlchemyError as error:
            logger.warning("task %s waits, the database does not take it: %s", question.task_id, _cause(error))
            raise Refused(grpc.StatusCode.UNAVAILABLE, "the database does not take decisions") from error
        DECISIONS.labels(decision.reward.status.value, str(decision.is_repeated).lower()).inc()
        return decision


def read_question(request: character_pb2.GrantRewardRequest) -> Question:
    """What is asked. Raises Refused for what is malformed; its details carry no user's data."""
    seen = request.classification
    if not _USER_ID.fullmatch(request.user_id):
        raise _malformed("user_id")
    for name in ("major_category", "middle_category", "minor_category"):
        if len(getattr(seen, name)) > _CATEGORY_CHARACTERS:
            raise _malformed(f"classification.{name}")
    return Question(
        task_id=_task_id(request.task_id),
        user_id=request.user_id,
        classification=Classification(
            major_category=seen.major_category,
            middle_category=seen.middle_category or None,
            minor_category=seen.minor_category or None,
        ),
        has_rules=request.has_rules,
        insufficient=request.insufficient,
    )


def _task_id(text: str) -> UUID:
    try:
        task_id = UUID(text)
    except ValueError:
        raise _malformed("task_id") from None
    if str(task_id) != text:
        raise _malformed("task_id")
    return task_id


def _traceparent(context: grpc.ServicerContext) -> object:
    return next((value for key, value in context.invocation_metadata() or () if key == KEY), None)


def _malformed(field: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{field} is malformed")


def _cause(error: SQLAlchemyError) -> object:
    """The driver's own words; SQLAlchemy's carry the statement and its values."""
    return getattr(error, "orig", None) or type(error).__name__


def _abort(context: grpc.ServicerContext, refusal: Refused) -> NoReturn:
    context.abort(refusal.code, refusal.details)
    raise AssertionError("abort has raised")


def _answer(reward: Reward) -> character_pb2.GrantRewardResponse:
    answer = character_pb2.GrantRewardResponse(
        status=_STATUSES[reward.status], catalogue_version=reward.catalogue_version
    )
    if given := reward.character:
        answer.character.code = given.code
        answer.character.name = given.name
        answer.character.type = given.type
        answer.character.dialog = given.dialog
    return answer
