"""What is told of a change of the block list."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.authz.blocklist import Change

JTI_CHARACTERS = 256


class Unreadable(ValueError):
    """It tells of no change."""


class _Message(BaseModel):
    model_config = ConfigDict(strict=True)

    type: Literal["block", "unblock"]
    jti: Annotated[str, Field(min_length=1, max_length=JTI_CHARACTERS)]
    until: Annotated[float, Field(allow_inf_nan=False)] | None = None
    version: Annotated[int, Field(ge=1)]


def write_change(change: Change) -> dict[str, Any]:
    """The document to be published."""
    kind = "unblock" if change.until is None else "block"
    return {"type": kind, "jti": change.jti, "until": change.until, "version": change.version}


def read_change(body: bytes) -> Change:
    """Reads it again. Raises ``Unreadable``."""
    try:
        message = _Message.model_validate_json(body)
    except ValidationError as error:
        raise Unreadable(str(error.errors()[0]["type"])) from error
    if (message.type == "block") != (message.until is not None):
        raise Unreadable("until")
    return Change(jti=message.jti, until=message.until, version=message.version)
