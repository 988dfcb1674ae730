"""The API's description for people, made from the OpenAPI document. It needs no scripts and no internet."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem }
h2 { border-top: 1px solid #8886; margin-top: 2rem; padding-top: 1rem; overflow-wrap: anywhere }
pre { overflow-x: auto; font-size: .8rem }
"""

router = APIRouter()


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """The page."""
    return HTMLResponse(render(request.app.openapi()), headers=_HEADERS)


def render(document: Mapping[str, Any]) -> str:
    """An OpenAPI document as a page."""
    title = escape(document["info"]["title"])
    schemas = escape(json.dumps(document["components"]["schemas"], ensure_ascii=False, indent=2))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1><p>For programs: <a href="/openapi.json">/openapi.json</a></p>'
        f"{''.join(_calls(document))}<h2>Schemas</h2><pre>{schemas}</pre></html>"
    )


def _calls(document: Mapping[str, Any]) -> Iterator[str]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['description'])}</p>"
            yield _list("Takes", [*_parameters(operation), *_bodies(operation)])
            yield _list("Answers", [f"{status}: {said['description']}" for status, said in _answers(operation)])


def _parameters(operation: Mapping[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        needed = "" if parameter["required"] else " (optional)"
        yield f"{parameter['in']} {parameter['name']}{needed}: {parameter['description']}"


def _bodies(operation: Mapping[str, Any]) -> Iterator[str]:
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"{media_type}: {', '.join(content['schema']['properties'])}"


def _answers(operation: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(operation["responses"].items())


def _list(title: str, items: list[str]) -> str:
    return f"<h3>{title}</h3><ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>" if items else ""
