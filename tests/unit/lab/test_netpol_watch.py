"""List and watch against a server that says what a test tells it to."""

import json
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lab.netpol.watch import Expired, Object, Refused, Watcher


def found(name: str, version: str) -> Object:
    return {"metadata": {"namespace": "shop", "name": name, "resourceVersion": version}}


def listing(version: str, *objects: Object) -> tuple[int, list[Any]]:
    return 200, [{"metadata": {"resourceVersion": version}, "items": objects}]


def event(kind: str, name: str, version: str) -> Object:
    return {"type": kind, "object": found(name, version)}


class Server:
    """Gives the next of its answers (status and lines) to each request, and remembers what was asked."""

    def __init__(self, *answers: tuple[int, list[Any]]) -> None:
        self.asked: list[str] = []
        asked, left = self.asked, list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                status, lines = left.pop(0)
                body = "".join(json.dumps(line) + "\n" for line in lines).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()
        self._thread.join()

    def watcher(self, changes: list[int] | None = None) -> Watcher:
        port = self.http.server_port
        count = changes if changes is not None else []
        return Watcher("/pods", lambda seconds: HTTPConnection("127.0.0.1", port, timeout=5), lambda: count.append(1))


def names(watcher: Watcher) -> list[str]:
    return sorted(one["metadata"]["name"] for one in watcher.objects.values())


def test_a_watch_goes_on_from_the_list_and_applies_every_event() -> None:
    events = [event("ADDED", "c", "6"), event("DELETED", "a", "7"), event("MODIFIED", "b", "8")]
    changes: list[int] = []
    with Server(listing("5", found("a", "1"), found("b", "2")), (200, events)) as server:
        watcher = server.watcher(changes)
        watcher.follow()
    assert names(watcher) == ["b", "c"]
    assert "resourceVersion=5" in server.asked[1]
    assert len(changes) == 4, "the list and each event"
    assert found("b", "8") in watcher.objects.values()
    assert watcher.objects.version == "8"


def test_the_next_watch_goes_on_from_the_last_event_without_a_list() -> None:
    bookmark = event("BOOKMARK", "", "9")
    changes: list[int] = []
    with Server(listing("5"), (200, [event("ADDED", "a", "6"), bookmark]), (200, [])) as server:
        watcher = server.watcher(changes)
        watcher.follow()
        watcher.follow()
    assert "watch=true&resourceVersion=9" in server.asked[2]
    assert (names(watcher), len(changes)) == (["a"], 2), "a bookmark changes no object"


@pytest.mark.parametrize(
    "answer", [(410, []), (200, [{"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}])]
)
def test_a_version_that_is_gone_is_told(answer: tuple[int, list[Any]]) -> None:
    with Server(listing("5"), answer) as server, pytest.raises(Expired):
        server.watcher().follow()


def test_it_lists_anew_after_a_gone_version_and_tries_again_after_errors() -> None:
    class Over(Exception):
        """Ends what goes on for ever."""

    def changed() -> None:
        if names(watcher) == ["new", "newer"]:
            raise Over

    answers = (
        (403, [{"message": "no role yet"}]),
        listing("5", found("old", "1")),
        (410, []),
        listing("9", found("new", "9")),
        (200, [event("ADDED", "newer", "10")]),
    )
    with Server(*answers) as server:
        port = server.http.server_port
        watcher = Watcher("/pods", lambda seconds: HTTPConnection("127.0.0.1", port, timeout=5), changed)
        with pytest.raises(Over):
            watcher.run()
    assert server.asked[3] == "/pods"


def test_an_error_of_the_server_is_told_with_its_words() -> None:
    with Server((403, [{"message": "no role yet"}])) as server, pytest.raises(Refused, match=r"403.*no role yet"):
        server.watcher().follow()


def test_objects_stay_known_while_the_server_is_away() -> None:
    with Server(listing("5", found("a", "1")), (200, [])) as server:
        watcher = server.watcher()
        watcher.follow()
    with pytest.raises(OSError, match="refused"):
        watcher.follow()
    assert (names(watcher), watcher.listed) == (["a"], True)
