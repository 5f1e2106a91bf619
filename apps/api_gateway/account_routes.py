"""Register, log in, stay logged in, and log out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from api_gateway.accounts import EmailTaken
from api_gateway.context import Context, Given
from api_gateway.lane import LaneFull
from api_gateway.passwords import MOST_BYTES
from api_gateway.problem import Problem, too_many_requests
from api_gateway.session import unauthorised
from api_gateway.sessions import Refreshed, SessionOver
from api_gateway.shared_limit import SharedLimit
from api_gateway.text import Text
from orders import utc
from orders.email_key import email_key

router = APIRouter(prefix="/api/auth", tags=["accounts"])

_LONGEST_EMAIL = 254


def _short_enough(password: str) -> str:
    if len(password.encode()) > MOST_BYTES:
        raise ValueError(f"At most {MOST_BYTES} bytes are possible.")
    return password


def _short_enough_as_key(email: str) -> str:
    if len(email_key(email)) > _LONGEST_EMAIL:
        raise ValueError(f"At most {_LONGEST_EMAIL} characters are possible.")
    return email


_EMAIL = r"^[^@\s\x00-\x1f]+@[^@\s.\x00-\x1f]+(\.[^@\s.\x00-\x1f]+)*$"
Email = Annotated[
    Text,
    StringConstraints(strip_whitespace=True, to_lower=True, max_length=_LONGEST_EMAIL, pattern=_EMAIL),
    AfterValidator(_short_enough_as_key),
]
NewPassword = Annotated[Text, Field(min_length=8), AfterValidator(_short_enough)]


class Registration(BaseModel):
    email: Email
    password: NewPassword


class Login(BaseModel):
    email: Email
    password: Annotated[Text, AfterValidator(_short_enough)]


class Registered(BaseModel):
    id: str


class Refresh(BaseModel):
    refresh_token: Annotated[Text, StringConstraints(max_length=200)]


class Session(BaseModel):
    """`token` goes with each request until `expires_at`. `refresh_token` gives another pair, once, until `refresh_expires_at`."""

    token: str
    expires_at: str
    refresh_token: str
    refresh_expires_at: str


@asynccontextmanager
async def _free_when_full(limit: SharedLimit, client: str) -> AsyncIterator[None]:
    """An attempt for which there was no room does not count."""
    try:
        yield
    except LaneFull:
        await limit.give_back(client)
        raise


@router.post("/register", status_code=201, response_model=Registered, responses={409: {"description": "There is an account already."}})
async def register(body: Registration, context: Given, request: Request) -> JSONResponse:
    """Every attempt counts against the limit: each costs a hash, and a failure tells that there is an account."""
    client = context.client_address.of(request.scope)
    wait = await context.registrations.take(client)
    if wait:
        raise too_many_requests("Too many registrations from your address. Please wait a little.", wait)
    async with _free_when_full(context.registrations, client):
        password_hash = await context.passwords.hash(body.password)
    try:
        account_id = await run_in_threadpool(context.accounts.create, body.email, password_hash)
    except EmailTaken:
        raise Problem(409, "There is an account with this address already.") from None
    return JSONResponse({"id": account_id}, status_code=201)


@router.post("/login", response_model=Session, responses={401: {"description": "Email or password is wrong."}})
async def login(body: Login, context: Given, request: Request) -> JSONResponse:
    """Only failures count against the limits, but an attempt needs room before it is made.

    Too many failures from one client, or with one address from anywhere, are answered with 429 until `Retry-After`.
    """
    client = context.client_address.of(request.scope)
    _refuse_while(await context.logins.take(client))
    _refuse_while(await run_in_threadpool(context.lockout.wait, body.email))
    account = await run_in_threadpool(context.accounts.find, body.email)
    async with _free_when_full(context.logins, client):
        fits = await context.passwords.fits(body.password, account.password_hash if account else None)
    if account is None or not fits:
        _refuse_while(await run_in_threadpool(context.lockout.failed, body.email))
        raise Problem(401, "Email or password is wrong.")
    _refuse_while(await run_in_threadpool(context.lockout.passed, body.email))
    await context.logins.give_back(client)
    return _session(context, await run_in_threadpool(context.sessions.open, account.id))


@router.post("/refresh", response_model=Session, responses={401: {"description": "The session is over."}})
async def refresh(body: Refresh, context: Given) -> JSONResponse:
    """Another token, and another refresh token in the place of this one. One that was used before ends its session."""
    try:
        return _session(context, await run_in_threadpool(context.sessions.refresh, body.refresh_token))
    except SessionOver:
        raise unauthorised("The session is over. Please log in again.") from None


@router.post("/logout", status_code=204)
async def logout(body: Refresh, context: Given) -> Response:
    """Nothing refreshes the session any more. Tokens that it was given last until they expire."""
    await run_in_threadpool(context.sessions.end, body.refresh_token)
    return Response(status_code=204)


def _refuse_while(seconds: int) -> None:
    if seconds:
        raise too_many_requests("Too many failed attempts. Please wait a little.", seconds)


def _session(context: Context, session: Refreshed) -> JSONResponse:
    token = context.tokens.issue(session.user_id)
    return JSONResponse(
        {
            "token": token.text,
            "expires_at": utc.text(token.expires_at),
            "refresh_token": session.token.text,
            "refresh_expires_at": utc.text(session.expires_at),
        }
    )
