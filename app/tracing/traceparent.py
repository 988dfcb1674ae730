"""W3C's ``traceparent``: where in which trace something was done (https://www.w3.org/TR/trace-context/)."""

import re
from dataclasses import dataclass

KEY = "traceparent"
"""The name of the header of HTTP, of a message and of gRPC, and of the extension of a CloudEvent."""

LINK_KEY = "eco2-trace-link"
"""The header of a message that was put back: a new trace begins with it, which is linked to where this one was."""

_FORM = re.compile(r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")
_CHARACTERS_MAX = 256
_SAMPLED = 1


@dataclass(frozen=True)
class Place:
    """A span of a trace, perhaps another process'. ``is_sampled`` tells whether it is recorded there."""

    trace_id: int
    span_id: int
    is_sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.is_sampled):02x}"


def read_traceparent(text: object) -> Place | None:
    """None for whatever is no traceparent: it comes from clients, and from messages that anybody may have written."""
    if not isinstance(text, str) or len(text) > _CHARACTERS_MAX or (found := _FORM.match(text)) is None:
        return None
    rest = text[found.end() :]
    is_known = found["version"] == "00" and not rest
    is_newer = found["version"] not in ("00", "ff") and (not rest or rest.startswith("-"))
    trace_id, span_id = int(found["trace"], 16), int(found["span"], 16)
    if not (is_known or is_newer) or not trace_id or not span_id:
        return None
    return Place(trace_id, span_id, is_sampled=bool(int(found["flags"], 16) & _SAMPLED))
