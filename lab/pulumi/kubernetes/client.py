"""HTTP to the Kubernetes API server: pooled connections, JSON in and out, errors as the API reports them."""

import http.client
import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from lab.pulumi.kubernetes.kubeconfig import Endpoint
from lab.pulumi.kubernetes.objects import Object, dig, items, text

TIMEOUT_SECONDS = 30.0
BUSY_RETRIES = 5
TOO_MANY_REQUESTS = 429

JSON = "application/json"
APPLY_PATCH = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"


class ApiError(Exception):
    """What the API server answered instead of doing it. Its text is the server's own message."""

    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self.reason = text(body, "reason")
        self.causes: list[Object] = items(body, "details", "causes")
        super().__init__(text(body, "message") or f"HTTP status {status}: {str(body)[:500]}")

    @property
    def not_found(self) -> bool:
        return self.status == 404

    @property
    def already_exists(self) -> bool:
        return self.status == 409 and self.reason == "AlreadyExists"

    @property
    def forbidden(self) -> bool:
        return self.status == 403

    @property
    def passing(self) -> bool:
        """Whether the same request may well succeed a moment later."""
        return self.status == TOO_MANY_REQUESTS or self.status >= 500


class Unreachable(Exception):
    """No answer from the API server."""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: Any
    retry_seconds: float


class Client:
    """Thread-safe. A connection serves one request at a time and is kept for the next one."""

    def __init__(self, endpoint: Endpoint, timeout: float = TIMEOUT_SECONDS) -> None:
        self.endpoint = endpoint
        self._timeout = timeout
        self._idle: deque[http.client.HTTPConnection] = deque()

    def get(self, path: str, *, query: dict[str, str] | None = None, accept: str = JSON) -> Any:
        return self.request("GET", path, query=query, accept=accept)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Any:
        """The answer's JSON, or its text if it is not JSON. Raises ApiError or Unreachable."""
        target = f"{path}?{urlencode(query)}" if query else path
        data = json.dumps(body).encode() if body is not None else None
        headers = self.endpoint.headers | {"Accept": accept} | ({"Content-Type": content_type} if data else {})
        for attempt in range(BUSY_RETRIES + 1):
            answer = self._exchange(method, target, data, headers)
            if answer.status != TOO_MANY_REQUESTS or attempt == BUSY_RETRIES:
                break
            time.sleep(answer.retry_seconds)
        if answer.status >= 400:
            raise ApiError(answer.status, answer.body)
        return answer.body

    def _exchange(self, method: str, target: str, data: bytes | None, headers: dict[str, str]) -> _Answer:
        while True:
            connection, reused = self._connection()
            try:
                connection.request(method, target, body=data, headers=headers)
                response = connection.getresponse()
                payload = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if reused and not isinstance(error, TimeoutError):
                    continue  # the server has closed it since its last use
                raise Unreachable(f"{self.endpoint.url} does not answer: {error or type(error).__name__}") from error
            self._idle.append(connection)
            is_json = JSON in (response.headers.get("Content-Type") or "")
            content = json.loads(payload) if is_json else payload.decode(errors="replace")
            return _Answer(response.status, content, float(response.headers.get("Retry-After") or 1))

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        try:
            return self._idle.pop(), True
        except IndexError:
            host, port, tls = self.endpoint.host, self.endpoint.port, self.endpoint.tls
            if tls is None:
                return http.client.HTTPConnection(host, port, timeout=self._timeout), False
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=tls), False


def message_of_cause(cause: Object) -> str:
    """One of an error's causes with the field that it is about."""
    return f"{text(cause, 'field')}: {dig(cause, 'message')}".removeprefix(": ")
