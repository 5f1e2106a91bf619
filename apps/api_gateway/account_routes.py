"""Register and log in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from api_gateway.accounts import EmailTaken
from api_gateway.context import Given
from api_gateway.lane import LaneFull
from api_gateway.passwords import MOST_BYTES
from api_gateway.problem import Problem, too_many_requests
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


def _refusals(usual: str, status: int) -> dict[int | str, dict[str, Any]]:
    """What the published contract says beside success and 422."""
    return {
        status: {"description": usual},
        429: {"description": "Too many from this address. `Retry-After` says when to try again."},
        503: {"description": "Too many at this moment, or the database is away. `Retry-After` says when to try again."},
    }


class Registration(BaseModel):
    email: Email
    password: NewPassword


class Login(BaseModel):
    email: Email
    password: Annotated[Text, AfterValidator(_short_enough)]


class Registered(BaseModel):
    id: str


class Session(BaseModel):
    token: str
    expires_at: str


@asynccontextmanager
async def _free_when_full(limit: SharedLimit, client: str) -> AsyncIterator[None]:
    """An attempt for which there was no room does not count."""
    try:
        yield
    except LaneFull:
        await limit.give_back(client)
        raise


@router.post("/register", status_code=201, response_model=Registered, responses=_refusals("There is an account already.", 409))
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


@router.post("/login", response_model=Session, responses=_refusals("Email or password is wrong.", 401))
async def login(body: Login, context: Given, request: Request) -> JSONResponse:
    """Only failures count against the limit, but an attempt needs room before it is made."""
    client = context.client_address.of(request.scope)
    wait = await context.logins.take(client)
    if wait:
        raise too_many_requests("Too many failed attempts. Please wait a little.", wait)
    account = await run_in_threadpool(context.accounts.find, body.email)
    async with _free_when_full(context.logins, client):
        fits = await context.passwords.fits(body.password, account.password_hash if account else None)
    if account is None or not fits:
        raise Problem(401, "Email or password is wrong.")
    await context.logins.give_back(client)
    token = context.tokens.issue(account.id)
    return JSONResponse({"token": token.text, "expires_at": utc.text(token.expires_at)})
