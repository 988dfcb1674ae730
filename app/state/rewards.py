"""The reward-worker's side of the state: what became of a scan's reward."""

import json
from collections.abc import Mapping
from typing import Any

from redis import Redis

from app.state import scripts
from app.state.record import task_key


class RewardStore:
    """Rewards in the records of scans, for threads. Calls raise ``redis.RedisError`` when Redis is away or full."""

    def __init__(self, redis: Redis, *, ttl_seconds: int) -> None:
        self._ttl_seconds = ttl_seconds
        self._set_reward = redis.register_script(scripts.SET_REWARD)

    def show(self, task_id: str, reward: Mapping[str, Any]) -> bool:
        """Shows the reward in the scan's record; whether it is news. A record that has expired stays so."""
        text = json.dumps(reward, ensure_ascii=False)
        return bool(self._set_reward(keys=[task_key(task_id)], args=[text, self._ttl_seconds]) == b"stored")
