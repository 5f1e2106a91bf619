"""Register and log in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from api_gateway.accounts import EmailTaken
from api_gateway.context import Given
from api_gateway.passwords import MOST_BYTES
from api_gateway.problem import Problem, too_many_requests
from orders import utc

router = APIRouter(prefix="/api/auth", tags=["accounts"])


def _short_enough(password: str) -> str:
    if len(password.encode()) > MOST_BYTES:
        raise ValueError(f"At most {MOST_BYTES} bytes are possible.")
    return password


Email = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s.]+(\.[^@\s.]+)*$")
]
NewPassword = Annotated[str, Field(min_length=8), AfterValidator(_short_enough)]


class Registration(BaseModel):
    email: Email
    password: NewPassword


class Login(BaseModel):
    email: Email
    password: Annotated[str, AfterValidator(_short_enough)]


class Registered(BaseModel):
    id: str


class Session(BaseModel):
    token: str
    expires_at: str


@router.post("/register", status_code=201, response_model=Registered)
async def register(body: Registration, context: Given) -> JSONResponse:
    password_hash = await context.passwords.hash(body.password)
    try:
        account_id = await run_in_threadpool(context.accounts.create, body.email, password_hash)
    except EmailTaken:
        raise Problem(409, "There is an account with this address already.") from None
    return JSONResponse({"id": account_id}, status_code=201)


@router.post("/login", response_model=Session)
async def login(body: Login, context: Given, request: Request) -> JSONResponse:
    """Only failures count against the limit, but an attempt needs room before it is made."""
    client = context.client_address.of(request.scope)
    wait = context.logins.take(client)
    if wait:
        raise too_many_requests("Too many failed attempts. Please wait a little.", wait)
    account = await run_in_threadpool(context.accounts.find, body.email)
    fits = len(body.password.encode()) <= MOST_BYTES and await context.passwords.fits(
        body.password, account.password_hash if account else None
    )
    if account is None or not fits:
        raise Problem(401, "Email or password is wrong.")
    context.logins.give_back(client)
    token = context.tokens.issue(account.id)
    return JSONResponse({"token": token.text, "expires_at": utc.text(token.expires_at)})
