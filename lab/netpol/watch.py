"""The API's objects of one kind, kept current by list and watch. Standard library only.

A watch is renewed every few seconds: a connection that has died in silence, as when a node's network is cut, is
noticed no later than that.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from lab.console import say

Object = Mapping[str, Any]
Connect = Callable[[float], HTTPConnection]
"""Gives a connection on which no silence is longer than its argument, in seconds."""

_WATCH_SECONDS = 20
_SILENCE_SECONDS = _WATCH_SECONDS + 5
_RETRY_SECONDS = 0.3
_REQUEST_SECONDS = 3
_SHOWN_BYTES = 300


class Expired(Exception):
    """The server no longer knows the version from which a watch was to go on: everything must be listed anew."""


class Refused(Exception):
    """The server answered with an error, for instance because the roles are not there yet."""


class Objects:
    """All objects of one kind, by namespace and name."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], Object] = {}
        self.version = ""
        """From where a watch goes on; "" before the first list."""

    def values(self) -> list[Object]:
        """The objects as they are now."""
        return list(self._objects.values())

    def replace(self, listed: Object) -> None:
        """Take over the answer to a list."""
        self._objects = {_key(one): one for one in listed["items"]}
        self.version = listed["metadata"]["resourceVersion"]

    def apply(self, event: Object) -> bool:
        """Take over one event of a watch; whether an object changed. Raises ``Expired``, also for unknown errors."""
        kind, found = event["type"], event["object"]
        if kind == "ERROR":
            raise Expired(found.get("message", str(found)))
        self.version = found["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":
            return False
        if kind == "DELETED":
            self._objects.pop(_key(found), None)
        else:
            self._objects[_key(found)] = found
        return True


class Watcher:
    """Keeps ``objects`` current in a thread of its own, through restarts of the server."""

    def __init__(self, path: str, connect: Connect, changed: Callable[[], None]) -> None:
        """``changed`` is called after each change, from the thread."""
        self.objects = Objects()
        self._path, self._connect, self._changed = path, connect, changed
        self._said = ""

    def start(self) -> None:
        """Begin, for as long as this process lives."""
        threading.Thread(target=self.run, name=self._path, daemon=True).start()

    @property
    def listed(self) -> bool:
        """Whether the objects have been seen at all."""
        return bool(self.objects.version)

    def run(self) -> None:
        """Follow for ever, whatever goes wrong with the server."""
        while True:
            try:
                self.follow()
                self._said = ""
            except Expired:
                self.objects.version = ""
            except (Refused, OSError, HTTPException, ValueError) as error:
                self._say_once(f"{self._path}: {type(error).__name__}: {error}")
                time.sleep(_RETRY_SECONDS)

    def follow(self) -> None:
        """List if that is needed, then watch until the server ends it. Raises what went wrong."""
        connection = self._connect(_SILENCE_SECONDS)
        try:
            if not self.objects.version:
                self.objects.replace(json.load(_get(connection, self._path)))
                self._changed()
            since = f"resourceVersion={self.objects.version}&allowWatchBookmarks=true&timeoutSeconds={_WATCH_SECONDS}"
            stream = _get(connection, f"{self._path}?watch=true&{since}")
            while line := stream.readline():
                if self.objects.apply(json.loads(line)):
                    self._changed()
        finally:
            connection.close()

    def _say_once(self, line: str) -> None:
        if line != self._said:
            say(line)
            self._said = line


def patch(connect: Connect, path: str, changes: Object) -> None:
    """Merge changes into one object. Raises ``Refused``, ``OSError`` or ``HTTPException``."""
    connection = connect(_REQUEST_SECONDS)
    try:
        headers = {"Content-Type": "application/merge-patch+json"}
        connection.request("PATCH", path, body=json.dumps(changes), headers=headers)
        _checked(connection.getresponse())
    finally:
        connection.close()


def _get(connection: HTTPConnection, path: str) -> HTTPResponse:
    connection.request("GET", path, headers={"Accept": "application/json"})
    return _checked(connection.getresponse())


def _checked(answer: HTTPResponse) -> HTTPResponse:
    if answer.status == HTTPStatus.GONE:
        raise Expired
    if answer.status != HTTPStatus.OK:
        raise Refused(f"{answer.status} {answer.read(_SHOWN_BYTES).decode(errors='replace').strip()}")
    return answer


def _key(found: Object) -> tuple[str, str]:
    metadata = found["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
