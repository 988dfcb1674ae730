"""What Envoy is answered."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import grpc
import pytest
from envoy.config.core.v3.base_pb2 import HeaderValueOption
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest

from app.authz.blocklist import BlockList
from app.authz.check import AuthorizationService

CLAIMS = {"jti": "token-1", "sub": "user-1"}


def encoded(document: Any) -> str:
    return urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def bearer(claims: Any = CLAIMS) -> dict[str, str]:
    return {"authorization": f"Bearer {encoded({'alg': 'RS256'})}.{encoded(claims)}.signature"}


def check(headers: dict[str, str], *blocked: str, payload_header: str = "", allow_anonymous: bool = False) -> Any:
    tokens = BlockList(clock=lambda: 0.0)
    tokens.replace(dict.fromkeys(blocked, 1.0), version=1)
    service = AuthorizationService(tokens, payload_header=payload_header, allow_anonymous=allow_anonymous)
    request = CheckRequest()
    request.attributes.request.http.headers.update(headers)
    context: Any = None
    return service.Check(request, context)


def assert_denied(response: Any) -> None:
    assert response.status.code == grpc.StatusCode.UNAUTHENTICATED.value[0]
    assert response.denied_response.status.code == 401
    assert json.loads(response.denied_response.body)["status"] == 401


def test_a_user_passes_under_the_tokens_name_alone() -> None:
    response = check({**bearer(), "x-user-id": "somebody-else"})
    assert response.status.code == 0
    [user] = response.ok_response.headers
    assert (user.header.key, user.header.value) == ("x-user-id", "user-1")
    assert user.append_action == HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD, "a client could name another user"
    assert not response.ok_response.headers_to_remove, "Envoy removes after it has set"


def test_a_blocked_token_is_refused() -> None:
    assert_denied(check(bearer(), "token-1"))


def test_without_a_token_it_depends_on_the_setting() -> None:
    assert_denied(check({"x-user-id": "somebody"}))
    response = check({"x-user-id": "somebody"}, allow_anonymous=True)
    assert response.status.code == 0
    assert list(response.ok_response.headers_to_remove) == ["x-user-id"], "anybody could be anyone"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Basic dTpw"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer a.b"},
        {"authorization": "Bearer a.!.c"},
        {"authorization": f"{bearer()['authorization']}, {bearer()['authorization']}"},
        {"authorization": "Bearer a." + "A" * 20_000 + ".c"},
        bearer([]),
        bearer({"sub": "user-1"}),
        bearer({"jti": "", "sub": "user-1"}),
        bearer({"jti": 5, "sub": "user-1"}),
        bearer({"jti": "token-1"}),
        bearer({"jti": "token-1", "sub": "a\r\nx-admin: 1"}),
        bearer({"jti": "token-1", "sub": "x" * 129}),
    ],
)
@pytest.mark.parametrize("allow_anonymous", [True, False])
def test_a_bad_token_is_refused_in_any_case(headers: dict[str, str], allow_anonymous: bool) -> None:
    assert_denied(check(headers, allow_anonymous=allow_anonymous))


def test_a_payload_that_the_gateway_forwards_is_the_only_one_believed() -> None:
    payload = encoded({"jti": "token-2", "sub": "user-2"})
    response = check({**bearer(), "x-jwt-payload": payload}, payload_header="X-JWT-Payload")
    assert response.ok_response.headers[0].header.value == "user-2"
    assert_denied(check(bearer(), payload_header="X-JWT-Payload"))


def test_nobody_passes_before_the_list_is_loaded() -> None:
    class Context:
        def abort(self, code: grpc.StatusCode, details: str) -> None:
            raise RuntimeError(code)

    context: Any = Context()
    service = AuthorizationService(BlockList(), payload_header="", allow_anonymous=True)
    with pytest.raises(RuntimeError, match="UNAVAILABLE"):
        service.Check(CheckRequest(), context)
