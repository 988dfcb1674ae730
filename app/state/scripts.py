"""The Lua scripts, as text. Each runs as a whole or not at all."""

from importlib.resources import files

_FOLDER = files("app.state") / "lua"


def _script(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text()


_CHANGE = _script("change")

ACCEPT = _CHANGE + _script("accept")
BEGIN = _CHANGE + _script("begin")
FINISH = _CHANGE + _script("finish")
FAIL = _CHANGE + _script("fail")
RELEASE = _script("release")
FORGET_CLAIM = _script("forget_claim")
