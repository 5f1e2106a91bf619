"""What the edge asks before it lets a request through."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from operators_desk.context import Given
from operators_desk.logins import Wait, basic_login
from operators_desk.turn_away import turn_away

router = APIRouter(prefix="/check")

# The edge knows which colour has no traffic.
IDLE = "idle"


@router.get("/session")
async def session(context: Given, request: Request) -> Response:
    operator = await context.operator(request)
    return Response(status_code=204, headers={"X-Operator": operator}) if isinstance(operator, str) else _refusal(operator)


@router.get("/metrics")
async def metrics(context: Given, request: Request) -> Response:
    """The scraper comes first: with its password it is let in whatever others failed at."""
    login = basic_login(request.headers.get("authorization", ""))
    if login is not None and context.scraper.fits(*login):
        return Response(status_code=204)
    return await session(context, request)


@router.get("/preview")
async def preview(context: Given, request: Request) -> Response:
    """A token opens its colour without a login; an operator sees what the token names, else the idle colour."""
    colour = context.previews.colour(request.cookies.get(context.settings.preview_cookie, ""))
    if colour:
        return Response(status_code=204, headers={"X-Preview-Colour": colour})
    operator = await context.operator(request)
    return Response(status_code=204, headers={"X-Preview-Colour": IDLE}) if isinstance(operator, str) else _refusal(operator)


@router.get("/refusal")
def refusal(request: Request) -> Response:
    headers = request.headers
    return turn_away(request, headers.get("x-original-method", ""), headers.get("x-original-uri", ""), headers.get("x-login-wait", ""))


def _refusal(found: Wait | None) -> Response:
    """nginx knows two kinds of no; any other status it would take for our failure."""
    return Response(status_code=403, headers={"Retry-After": str(found.seconds)}) if found else Response(status_code=401)
