"""The contract as a page to try out (/docs) and one to read (/redoc). Whatever they run comes from this gateway, and nothing else may.

Customers cannot ask for them: the edge keeps both for operators.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

router = APIRouter(include_in_schema=False)

# Swagger UI and Redoc give their elements styles one by one, and draw with images of their own.
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>echobase orders: the contract</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="data:,">
<div id="contract"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
# Without a validator: it would send the contract to somebody else.
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#contract", deepLinking: true, validatorUrl: null});\n'
# Without its search: that runs as a script of its own making.
_TO_READ = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>echobase orders: the contract</title>
<link rel="icon" href="data:,">
<redoc spec-url="/openapi.json" disable-search="true"></redoc>
<script src="/docs/redoc.standalone.js"></script>
</html>
"""
_FILES = {"redoc.standalone.js": "text/javascript", "swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


@router.get("/docs")
async def page() -> Response:
    return HTMLResponse(_PAGE, headers=_HEADERS)


@router.get("/redoc")
async def page_to_read() -> Response:
    return HTMLResponse(_TO_READ, headers=_HEADERS)


@router.get("/docs/redoc.standalone.js")
async def script_to_read() -> Response:
    return _file("redoc.standalone.js")


@router.get("/docs/start.js")
async def start() -> Response:
    return Response(_START, media_type="text/javascript", headers=_HEADERS)


@router.get("/docs/swagger-ui.css")
async def style() -> Response:
    return _file("swagger-ui.css")


@router.get("/docs/swagger-ui-bundle.js")
async def script() -> Response:
    return _file("swagger-ui-bundle.js")


def _file(name: str) -> Response:
    """Package fastapi-offline brings the files; nothing of its code runs for us."""
    return FileResponse(Path(str(files("fastapi_offline"))) / "static" / name, media_type=_FILES[name], headers=_HEADERS)
