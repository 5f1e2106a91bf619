"""Where a request comes from, as its browser tells it, and where it may be sent on to."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.requests import Request

HOME = "/login"
# One slash, then printable ASCII without a backslash: a path on this very host, however a browser reads it.
_PATH = re.compile(r"/(?!/)[!-\[\]-~]{0,2000}")


def safe_destination(text: str) -> str:
    return text if _PATH.fullmatch(text) else HOME


def host(request: Request) -> str:
    """Gives the host that the client named to the edge, with the port."""
    return request.headers.get("x-forwarded-host", "")


def host_with_port(request: Request, port: int) -> str:
    name = urlsplit(f"https://{host(request)}").hostname or "localhost"
    return f"{f'[{name}]' if ':' in name else name}:{port}"


def is_from_our_own_page(request: Request) -> bool:
    """Browsers say it themselves, and no page can make them lie; programs say nothing."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    return site in (None, "same-origin") and origin in (None, f"https://{host(request)}")


def is_navigation(request: Request) -> bool:
    """A person went there, rather than a script or a program."""
    mode = request.headers.get("sec-fetch-mode", "navigate")
    return mode == "navigate" and "text/html" in request.headers.get("accept", "")


def is_browser(request: Request) -> bool:
    return "sec-fetch-mode" in request.headers
