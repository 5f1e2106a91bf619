"""The answer to who is not let through: people go to the login and come back, programs are told."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from operators_desk.origin import is_browser, is_navigation, safe_destination
from operators_desk.problems import problem


def turn_away(request: Request, method: str, uri: str, wait: str = "") -> Response:
    """`method` and `uri` are what was asked of the edge; `wait` is set if it was refused for too many failures."""
    if wait:
        return problem(429, "Too many failed logins. Please wait a little.", Retry_After=wait)
    if is_navigation(request):
        destination = safe_destination(uri) if method in ("GET", "HEAD") else "/"
        return RedirectResponse(f"/login?next={quote(destination, safe='/')}", 303, {"Cache-Control": "no-store"})
    # A browser would answer this challenge by a window of its own, over the page of whichever script asked.
    challenge = 'Session realm="echobase operators"' if is_browser(request) else 'Basic realm="echobase operators"'
    return problem(401, "This needs an operator's login: /login for people, HTTP basic for programs.", WWW_Authenticate=challenge)
