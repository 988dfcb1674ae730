"""The Lua scripts, as text. Each runs as a whole or not at all."""

from importlib.resources import files

_FOLDER = files("app.state") / "lua"


def _script(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text()


_CHANGE = _script("change")
_LEASE = _script("lease")
_INTO_OUTBOX = _script("into_outbox")

ACCEPT = _CHANGE + _INTO_OUTBOX + _script("accept")
BEGIN = _CHANGE + _LEASE + _script("begin")
FINISH = _CHANGE + _script("finish")
SET_REWARD = _CHANGE + _script("set_reward")
FAIL = _CHANGE + _script("fail")
LAY_TO_REST = _CHANGE + _LEASE + _script("lay_to_rest")
REOPEN = _CHANGE + _INTO_OUTBOX + _script("reopen")
RELEASE = _script("release")
FORGET_CLAIM = _script("forget_claim")
