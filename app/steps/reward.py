"""Beside the answer: has the scan earned its user a character?

The scan has completed before, whatever happens here. All of it may happen twice: Character gives the same answer to
the same scan, the event's receivers know its rows already, and the record is told what it knows.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from redis import RedisError

from app.character.client import CharacterRefused, CharacterUnavailable
from app.character.rewards import Classification, Reward, RewardStatus
from app.events import RewardGranted
from app.steps.reward_order import BadOrder, RewardOrder, read_order
from app.steps.running import Bury, Decision, PassOn, TryAgain

logger = logging.getLogger(__name__)


class Characters(Protocol):
    """What the step needs of ``app.character.client.CharacterClient``."""

    def grant_reward(
        self, *, task_id: str, user_id: str, classification: Classification, has_rules: bool, insufficient: bool
    ) -> Reward:
        """Raises ``CharacterUnavailable`` or ``CharacterRefused``."""


class Rewards(Protocol):
    """What it needs of ``app.state.rewards.RewardStore``."""

    def show(self, task_id: str, reward: Mapping[str, Any]) -> bool:
        """Raises ``redis.RedisError``."""


Publish = Callable[[RewardGranted], None]
"""Returns when the broker has confirmed the event. What it raises is meant for Celery, not for the reward."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class RewardStep:
    """Asks Character, tells those who keep what was granted, and shows it to the client, in this order."""

    characters: Characters
    publish: Publish
    rewards: Rewards
    now: Callable[[], datetime] = _now

    def run(self, argument: Any, retries_left: int) -> Decision:
        try:
            order = read_order(argument)
        except BadOrder as error:
            return Bury(f"it is no order for a reward: {error}")
        try:
            reward = self._decide(order)
        except CharacterRefused as error:
            return Bury(f"Character refuses: {error}")
        except CharacterUnavailable as error:
            return _later(f"Character: {error}", retries_left)
        except Exception as error:
            logger.exception("the reward has a fault")
            return _later(repr(error), retries_left)
        if reward is not None and reward.status is RewardStatus.GRANTED and reward.character is not None:
            self.publish(RewardGranted.of(order.task_id, order.user_id, reward.character, self.now()))
        try:
            is_news = self.rewards.show(order.task_id, shown(reward))
        except RedisError as error:
            return _later(f"Redis: {error!r}", retries_left)
        return PassOn(is_news)

    def _decide(self, order: RewardOrder) -> Reward | None:
        """None without asking where nothing can be earned: an outage of Character must not leave that open."""
        if not order.may_earn:
            return None
        return self.characters.grant_reward(
            task_id=order.task_id,
            user_id=order.user_id,
            classification=order.classification,
            has_rules=order.has_rules,
            insufficient=order.insufficient,
        )


def _later(reason: str, retries_left: int) -> Decision:
    return TryAgain(reason) if retries_left > 0 else Bury(reason)


def shown(reward: Reward | None) -> dict[str, Any]:
    """What clients see of a decision in ``result.reward``."""
    if reward is None or reward.character is None:
        return {"status": RewardStatus.NONE}
    character = {"name": reward.character.name, "type": reward.character.type, "dialog": reward.character.dialog}
    return {"status": reward.status, "character": character}
