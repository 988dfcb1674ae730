"""The web page. Its files lie in app/web and are served below /web."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

FILES = Path(__file__).parent.parent / "web"

_HEADERS = {
    # Photos that were chosen are shown from memory: that is what blob: is for.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

router = APIRouter()


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """The page."""
    return FileResponse(FILES / "index.html", headers=_HEADERS)
