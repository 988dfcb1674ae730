"""What tests can set on the stand-in, how long it takes and which faults it makes, and what they can count."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from lab.model.answering import ANSWER_SCHEMA, VISION_SCHEMA
from lab.model.chat import Call


class Fault(StrEnum):
    """What a faulty call does instead of answering."""

    ERROR_500 = "error500"
    """500 at once."""
    ERROR_429 = "error429"
    """429 with ``Retry-After`` at once."""
    HANG = "hang"
    """Nothing at all, until the client goes away."""
    NONSENSE = "nonsense"
    """200 in time, with a content that is not the JSON that was asked for."""
    CLOSE_MID_BODY = "close_mid_body"
    """200 in time, the connection ends in the middle of the body."""
    HUGE = "huge"
    """200 in time, valid, with a text of 10 MB in it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How calls are answered from now on. Seconds count from the arrival of the request."""

    vision_seconds: float = 3.5
    answer_seconds: float = 7.0
    fault: Fault | None = None
    """None: no fault."""
    fault_calls: int | None = None
    """How many more calls are faulty; None: all of them."""
    fault_marker: str | None = None
    """Only calls whose prompt or picture address contains this text are faulty; None: any."""
    fault_schema: str | None = None
    """Only calls that ask for the JSON schema of this name are faulty; None: any."""
    retry_after_seconds: int = 1
    """What a 429 says."""

    def seconds_for(self, schema_name: str) -> float:
        return {VISION_SCHEMA: self.vision_seconds, ANSWER_SCHEMA: self.answer_seconds}.get(schema_name, 0.0)

    def changed(self, wanted: Any) -> "Settings":
        """These settings with those of ``wanted``; naming ``fault`` clears the last one's limits. Raises ValueError."""
        known = {one.name for one in fields(self)}
        if not isinstance(wanted, Mapping) or not set(wanted) <= known:
            raise ValueError(f"a JSON object with any of {sorted(known)} is needed")
        limits = {"fault_calls": None, "fault_marker": None, "fault_schema": None} if "fault" in wanted else {}
        values = {**asdict(self), **limits, **wanted}
        for name in ("vision_seconds", "answer_seconds"):
            values[name] = float(values[name])
            if not 0 <= values[name] <= _LONGEST_SECONDS:
                raise ValueError(f"{name} must be between 0 and {_LONGEST_SECONDS}, not {values[name]}")
        values["retry_after_seconds"] = int(values["retry_after_seconds"])
        values["fault"] = Fault(values["fault"]) if values["fault"] is not None else None
        if values["fault_calls"] is not None:
            values["fault_calls"] = int(values["fault_calls"])
        return Settings(**values)


_LONGEST_SECONDS = 3600.0
_MARKER = re.compile(r"\bmarker-[A-Za-z0-9_-]{1,64}")
_MOST_MARKERS = 100_000
"""Markers beyond it are not counted, so that a long load test cannot fill the memory."""


@dataclass
class Counters:
    """Calls by the name of their schema, and calls in which a word ``marker-…`` stood, by that word and schema."""

    calls: Counter[str] = field(default_factory=Counter)
    faulty: Counter[str] = field(default_factory=Counter)
    markers: dict[str, Counter[str]] = field(default_factory=dict)
    in_flight: int = 0
    most_in_flight: int = 0


class Control:
    """The settings in force and the counters since the start or the last ``reset``. Used from one event loop only."""

    def __init__(self, start: Settings) -> None:
        self._start = start
        self.settings = start
        self.counters = Counters()

    def reset(self) -> None:
        in_flight = self.counters.in_flight
        self.settings = self._start
        self.counters = Counters(in_flight=in_flight, most_in_flight=in_flight)

    def report(self) -> dict[str, Any]:
        return {**asdict(self.settings), "counters": vars(self.counters)}

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Counts a request as being in flight."""
        counters = self.counters
        counters.in_flight += 1
        counters.most_in_flight = max(counters.most_in_flight, counters.in_flight)
        try:
            yield
        finally:
            self.counters.in_flight -= 1

    def note(self, call: Call) -> Fault | None:
        """Counts the call and tells which fault, if any, it has to make; a limited fault is used up by that."""
        self.counters.calls[call.schema_name] += 1
        searched = "\n".join((call.text, *(picture.address for picture in call.pictures)))
        for marker in set(_MARKER.findall(searched)):
            if marker in self.counters.markers or len(self.counters.markers) < _MOST_MARKERS:
                self.counters.markers.setdefault(marker, Counter())[call.schema_name] += 1
        fault = self._fault_of(call.schema_name, searched)
        if fault is not None:
            self.counters.faulty[call.schema_name] += 1
        return fault

    def _fault_of(self, schema_name: str, searched: str) -> Fault | None:
        settings = self.settings
        applies = (
            (settings.fault_calls is None or settings.fault_calls > 0)
            and (settings.fault_marker is None or settings.fault_marker in searched)
            and (settings.fault_schema is None or settings.fault_schema == schema_name)
        )
        if not applies:
            return None
        if settings.fault is not None and settings.fault_calls is not None:
            self.settings = replace(settings, fault_calls=settings.fault_calls - 1)
        return settings.fault
