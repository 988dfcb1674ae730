"""The web page. Its files lie in app/web and are served below /web."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

FILES = Path(__file__).parent.parent / "web"

_POLICY = (
    "default-src 'self'",
    # Photos that were chosen are shown from memory.
    "img-src 'self' blob: data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)

HEADERS = {
    "Content-Security-Policy": "; ".join(_POLICY),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # A page and scripts of two versions do not fit together: the browser asks each time, and mostly hears 304.
    "Cache-Control": "no-cache",
}
"""What the page and each of its files is sent with."""

router = APIRouter()


class PageFiles(StaticFiles):
    """The files of the page, with its headers."""

    def __init__(self) -> None:
        super().__init__(directory=FILES)

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(HEADERS)
        return response


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """The page."""
    return FileResponse(FILES / "index.html", headers=HEADERS)
