"""Log in and out, for people."""

from __future__ import annotations

import re
import secrets
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from operators_desk import cookies
from operators_desk.context import Context, Given
from operators_desk.logins import Wait
from operators_desk.origin import HOME, host_with_port, is_from_our_own_page, safe_destination
from operators_desk.pages import Complaint, Link, home_page, login_page, message_page
from operators_desk.previews import COLOURS

router = APIRouter()

_LOGIN, _LOGOUT = "login", "logout"
_MOST_BODY_BYTES = 8192
_BROWSER_ID = re.compile(r"[A-Za-z0-9_-]{43}")


@router.get("/login")
def login(context: Given, request: Request) -> Response:
    session = context.session(request)
    destination = safe_destination(request.query_params.get("next", HOME))
    if session is not None and destination != HOME:
        return RedirectResponse(destination, 303, {"Cache-Control": "no-store"})
    if session is not None:
        preview = f"https://{host_with_port(request, context.settings.operators_port)}/preview/"
        previews = [Link(colour, preview + colour) for colour in COLOURS] + [Link("whichever has no traffic", preview + "idle")]
        tools = [Link(tool.capitalize(), f"/{tool}/") for tool in context.settings.tools] + [Link("Metrics of the edge", "/edge/metrics")]
        return home_page(session.operator, context.forms.issue(_LOGOUT, context.session_id(request)), previews, tools)
    return _form(context, request, destination)


@router.post("/login")
async def log_in(context: Given, request: Request) -> Response:
    fields = await _fields(request)
    if fields is None:
        return message_page("That is too large", "A login is smaller than that.", 413)
    destination, name = safe_destination(fields.get("next", "")), fields.get("name", "")
    browser = request.cookies.get(_form_cookie(context), "")
    if not is_from_our_own_page(request) or not context.forms.fits(fields.get("token", ""), _LOGIN, browser):
        return _form(context, request, destination, name, Complaint("This form was too old, or not ours. Please try again.", 403))
    address = context.address(request)
    found = await context.logins.attempt(name, fields.get("password", ""), address)
    if isinstance(found, Wait):
        complaint = f"Too many failed logins. Please try again in {found.seconds} seconds."
        return _form(context, request, destination, name, Complaint(complaint, 429, found.seconds))
    if found is None:
        return _form(context, request, destination, name, Complaint("Name or password is wrong.", 401))
    context.sessions.end(context.session_id(request))
    answer = RedirectResponse(destination, 303, {"Cache-Control": "no-store"})
    session_id = context.logins.begin_session(found, address)
    cookies.give(answer, context.settings.operator_cookie, session_id, context.settings.session_seconds)
    answer.delete_cookie(_form_cookie(context), path="/login", secure=True, httponly=True, samesite="strict")
    return answer


@router.get("/logout")
def ask_to_log_out() -> Response:
    """Logging out takes the button on the page: a mere link could be anybody's."""
    return RedirectResponse(HOME, 303, {"Cache-Control": "no-store"})


@router.post("/logout")
async def log_out(context: Given, request: Request) -> Response:
    fields = await _fields(request) or {}
    session_id = context.session_id(request)
    if not is_from_our_own_page(request) or not context.forms.fits(fields.get("token", ""), _LOGOUT, session_id):
        return message_page("Not logged out", "The form was too old, or not ours. Please use the button again.", 403)
    session = context.session(request)
    if session is not None:
        context.logins.end_session(session_id, session.operator, context.address(request))
    answer = RedirectResponse(HOME, 303, {"Cache-Control": "no-store"})
    for cookie in (context.settings.operator_cookie, context.settings.preview_cookie):
        cookies.take_back(answer, cookie)
    return answer


def _form(context: Context, request: Request, destination: str, name: str = "", complaint: Complaint | None = None) -> Response:
    browser = request.cookies.get(_form_cookie(context), "")
    if not _BROWSER_ID.fullmatch(browser):
        browser = secrets.token_urlsafe(32)
    token = context.forms.issue(_LOGIN, browser)
    answer = login_page(token, destination, name, complaint)
    answer.set_cookie(_form_cookie(context), browser, path="/login", secure=True, httponly=True, samesite="strict")
    return answer


def _form_cookie(context: Context) -> str:
    return f"{context.settings.operator_cookie}_form"


async def _fields(request: Request) -> dict[str, str] | None:
    """Gives the fields of the form; None if it is larger than any form of ours."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BODY_BYTES:
            return None
    return {name: values[0] for name, values in parse_qs(body.decode(errors="replace"), keep_blank_values=True).items()}
