"""Envoy's external authorisation (https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/auth/v3/external_auth.proto)."""

import json
import time
from http import HTTPStatus
from typing import Any

import grpc
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationServicer
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.rpc.status_pb2 import Status

from app.authz.blocklist import BlockList
from app.authz.metrics import CHECKS, SECONDS
from app.authz.tokens import BadToken, Token, token_of

USER_HEADER = "x-user-id"

_UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED.value[0]


class AuthorizationService(AuthorizationServicer):
    """Lets a request pass with its user's id in X-User-ID, or refuses it with 401. It asks nobody."""

    def __init__(self, blocked: BlockList, *, payload_header: str, allow_anonymous: bool) -> None:
        self._blocked = blocked
        self._payload_header = payload_header
        self._allow_anonymous = allow_anonymous

    def Check(self, request: CheckRequest, context: grpc.ServicerContext) -> CheckResponse:
        if not self._blocked.is_loaded:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the block list is not loaded yet")
        start = time.perf_counter()
        answer, response = self._answer(request.attributes.request.http.headers)
        SECONDS.observe(time.perf_counter() - start)
        CHECKS.labels(answer).inc()
        return response

    def _answer(self, headers: Any) -> tuple[str, CheckResponse]:
        """The answer in one word, for the metric, and as Envoy wants it."""
        try:
            token = token_of(headers, self._payload_header)
        except BadToken as error:
            return "bad_token", _denied(str(error))
        if token is None:
            return ("anonymous", _anonymous()) if self._allow_anonymous else ("no_token", _denied("there is no token"))
        if self._blocked.is_blocked(token.jti):
            return "blocked", _denied("the token has been revoked")
        return "allowed", _allowed(token)


def _allowed(token: Token) -> CheckResponse:
    """Overwrites what a client has sent as its user's id. To name the header among those to be removed would not do:
    Envoy removes after it has set."""
    user = HeaderValueOption(
        header=HeaderValue(key=USER_HEADER, value=token.user_id),
        append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
    return CheckResponse(status=Status(code=0), ok_response=OkHttpResponse(headers=[user]))


def _anonymous() -> CheckResponse:
    return CheckResponse(status=Status(code=0), ok_response=OkHttpResponse(headers_to_remove=[USER_HEADER]))


def _denied(detail: str) -> CheckResponse:
    """A problem document (RFC 9457), as the API answers them."""
    status = HTTPStatus.UNAUTHORIZED
    problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    headers = {"content-type": "application/problem+json", "www-authenticate": "Bearer"}
    return CheckResponse(
        status=Status(code=_UNAUTHENTICATED, message=detail),
        denied_response=DeniedHttpResponse(
            status=HttpStatus(code=status.value),
            headers=[HeaderValueOption(header=HeaderValue(key=key, value=value)) for key, value in headers.items()],
            body=json.dumps(problem),
        ),
    )
