"""How somebody comes to see one colour at the operators' entrance: an operator by name, a colleague by a link."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from operators_desk import cookies
from operators_desk.context import Given
from operators_desk.logins import Wait
from operators_desk.pages import message_page
from operators_desk.turn_away import turn_away

router = APIRouter(prefix="/preview")

# The address of a link holds the token: it must not travel on.
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@router.get("/open")
def open_link(context: Given, token: str = "") -> Response:
    if not context.previews.colour(token):
        return message_page("This link opens nothing any more", "It has expired, or is not whole. Ask for a new one.", 403)
    answer = RedirectResponse("/", 303, _HEADERS)
    cookies.give(answer, context.settings.preview_cookie, token, context.previews.seconds_left(token))
    return answer


@router.get("/{shown}")
async def choose(context: Given, request: Request, shown: Literal["blue", "green", "idle"]) -> Response:
    operator = await context.operator(request)
    if not isinstance(operator, str):
        return turn_away(request, request.method, request.url.path, str(operator.seconds) if isinstance(operator, Wait) else "")
    answer = RedirectResponse("/", 303, _HEADERS)
    if shown == "idle":
        cookies.take_back(answer, context.settings.preview_cookie)
    else:
        seconds = context.settings.preview_seconds
        cookies.give(answer, context.settings.preview_cookie, context.previews.token(shown, seconds), seconds)
    return answer
