"""What a process of the API holds while it runs, and how requests get at it."""

from dataclasses import dataclass

from fastapi import Request

from app.api.hub import Hub
from app.api.memory import MemoryWatch
from app.api.uploads import Uploads
from app.settings import ApiSettings
from app.state.scans import ScanStore


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts that routes work with."""

    settings: ApiSettings
    scans: ScanStore
    uploads: Uploads
    hub: Hub
    memory: MemoryWatch


async def get_parts(request: Request) -> Parts:
    """A dependency of routes; asynchronous, because FastAPI calls others in a thread."""
    parts: Parts = request.state.parts
    return parts
