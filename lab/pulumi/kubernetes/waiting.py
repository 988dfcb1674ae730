"""Wait for an object to come into a state: look again and again, tell what is seen, end at a limit or a cancel."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.pulumi.kubernetes.client import ApiError, Unreachable
from lab.pulumi.kubernetes.cluster import Cluster
from lab.pulumi.kubernetes.engine_log import WARNING, Progress
from lab.pulumi.kubernetes.objects import ANNOTATION_TIMEOUT_SECONDS, Object, annotation, items, label, text

TIMEOUT_SECONDS = 600.0
FIRST_PAUSE_SECONDS = 0.1
PAUSE_SECONDS = 0.5
DIAGNOSIS_SECONDS = 5.0


@dataclass(frozen=True)
class Seen:
    """What one look found: ready, or why not yet. ``failed`` means that waiting on is of no use."""

    ready: bool = False
    message: str = ""
    failed: bool = False


READY = Seen(ready=True)
Look = Callable[[Object], Seen]
Diagnosis = Callable[[Object], list[str]]


class NotReady(Exception):
    """The object exists, but has not become what was waited for. ``obj`` is as it was seen last.

    ``reasons`` are the parts of the message: what happened, then what stood in the way.
    """

    def __init__(self, message: str, obj: Object, why: list[str]) -> None:
        self.obj = obj
        self.reasons = [message, *why]
        super().__init__("\n  - ".join(self.reasons))


def timeout_seconds(requested: float, inputs: Object) -> float:
    """How long to wait: the resource's custom timeout, else its annotation, else ten minutes."""
    annotated = annotation(inputs, ANNOTATION_TIMEOUT_SECONDS)
    return requested or (float(annotated) if annotated.isdigit() else TIMEOUT_SECONDS)


@dataclass
class Wait:
    """One operation's patience: how long, told to whom, and ended by what."""

    cluster: Cluster
    progress: Progress
    cancelled: threading.Event
    seconds: float
    _pause: float = field(default=FIRST_PAUSE_SECONDS, init=False)
    _deadline: float = field(default=0.0, init=False)

    def until_ready(self, obj: Object, look: Look, diagnose: Diagnosis, diagnose_last: Diagnosis) -> Object:
        """The object once ``look`` finds it ready.

        ``diagnose`` says now and then what is in the way. Raises NotReady with what ``diagnose_last`` says at the end.
        """
        self._deadline = time.monotonic() + self.seconds
        next_diagnosis = time.monotonic() + DIAGNOSIS_SECONDS
        live = obj
        while True:
            found, seen = self._see(live, look)
            if found is None:
                raise NotReady(f"{label(obj)} was deleted while it was waited for", live, [])
            live = found
            if seen.ready:
                self.progress.done()
                return live
            self.progress.say(seen.message)
            end = f"{label(obj)} failed: {seen.message}" if seen.failed else self._end(obj, "ready", seen.message)
            if end:
                raise NotReady(end, live, diagnose_last(live))
            if time.monotonic() >= next_diagnosis:
                next_diagnosis = time.monotonic() + DIAGNOSIS_SECONDS
                for reason in diagnose(live):
                    self.progress.say(reason, WARNING)

    def until_gone(self, obj: Object, uid: str) -> None:
        """Return once the object with this uid exists no more. Raises NotReady, which names what holds it."""

        def look(live: Object) -> Seen:
            if uid and text(live, "metadata", "uid") != uid:
                return READY
            held = f" (finalizers: {', '.join(_finalizers(live))})" if _finalizers(live) else ""
            return Seen(message=f"Waiting for deletion{held}")

        self._deadline = time.monotonic() + self.seconds
        live = obj
        while True:
            found, seen = self._see(live, look)
            if found is None or seen.ready:
                self.progress.done()
                return
            live = found
            self.progress.say(seen.message)
            if end := self._end(obj, "gone", seen.message):
                raise NotReady(end, live, _holders(live))

    def _see(self, obj: Object, look: Look) -> tuple[Object | None, Seen]:
        """The object as it lives now, None if it does not, and what ``look`` makes of it."""
        try:
            live = self.cluster.find(obj)
            return live, look(live) if live else READY
        except (ApiError, Unreachable) as error:
            if isinstance(error, ApiError) and not error.passing:
                raise
            return obj, Seen(message=f"The API server has a problem, trying again: {error}")

    def _end(self, obj: Object, goal: str, last_seen: str) -> str:
        """Pause until the next look. Returns why there is none, "" if there is one."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            return f"{label(obj)} was not {goal} within {self.seconds:.0f} s; last seen: {last_seen}"
        if self.cancelled.wait(min(self._pause, left)):
            return f"waiting for {label(obj)} was cancelled; last seen: {last_seen}"
        self._pause = min(self._pause * 2, PAUSE_SECONDS)
        return ""


def _holders(obj: Object) -> list[str]:
    """What keeps an object from going: its finalizers, and what a namespace says of its remaining content."""
    holders = [
        "objects that it owns are not gone yet" if name == "foregroundDeletion" else f"it is held by finalizer {name}"
        for name in _finalizers(obj)
    ]
    if text(obj, "kind") == "Namespace":
        conditions = items(obj, "status", "conditions")
        holders += [text(entry, "message") for entry in conditions if text(entry, "status") == "True"]
    return holders


def _finalizers(obj: Object) -> list[str]:
    return [str(name) for name in items(obj, "metadata", "finalizers")]
