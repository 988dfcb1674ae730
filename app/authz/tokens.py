"""Who sends a request, by its token.

The token's signature, issuer and time are not checked here: the gateway's JWT filter stands before the external
authorisation and lets no request through whose token does not pass. To check it twice would take its keys here and most
of the time of a check. So the cluster must let nobody but the gateway reach this service, and a gateway that forwards
the payload in a header of its own must remove what clients send under that name.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.authz.messages import JTI_CHARACTERS

_AUTHORIZATION = "authorization"
_BEARER = "bearer "
_PAYLOAD_CHARACTERS = 16 * 1024
_USER_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""What the API takes as X-User-ID."""


class BadToken(ValueError):
    """There is a token, but none that says whose and which it is. The text is for the client."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """What is needed of a token: its own name, and its user's."""

    jti: str
    user_id: str


def token_of(headers: Mapping[str, str], payload_header: str) -> Token | None:
    """Reads the token out of a request's headers, whose names are lower case; None when there is none.

    With ``payload_header`` the payload is expected there and nowhere else. Raises ``BadToken``.
    """
    payload = headers.get(payload_header.lower()) if payload_header else _payload_of_bearer(headers)
    if payload is None:
        return None
    claims = _claims(payload)
    jti, user_id = claims.get("jti"), claims.get("sub")
    if not isinstance(jti, str) or not 1 <= len(jti) <= JTI_CHARACTERS:
        raise BadToken("the token has no jti: it could not be blocked")
    if not isinstance(user_id, str) or not _USER_ID.fullmatch(user_id):
        raise BadToken("the token's sub names no user")
    return Token(jti=jti, user_id=user_id)


def _payload_of_bearer(headers: Mapping[str, str]) -> str | None:
    value = headers.get(_AUTHORIZATION)
    if value is None:
        return None
    parts = value[len(_BEARER) :].split(".")
    if value[: len(_BEARER)].lower() != _BEARER or len(parts) != 3:
        raise BadToken("not a bearer token")
    return parts[1]


def _claims(payload: str) -> dict[str, Any]:
    try:
        if len(payload) > _PAYLOAD_CHARACTERS:
            raise ValueError
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        raise BadToken("the token cannot be read") from None
    if not isinstance(claims, dict):
        raise BadToken("the token cannot be read")
    return claims
