"""Whose request it is, by its token."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api_gateway.context import Given
from api_gateway.problem import Problem
from api_gateway.tokens import BadToken

_bearer = HTTPBearer(auto_error=False)


def unauthorised(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})


async def _user_id(context: Given, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    if credentials is None:
        raise unauthorised("Log in first: this needs a token.")
    try:
        return context.tokens.user_id(credentials.credentials)
    except BadToken:
        raise unauthorised("The session is over. Please log in again.") from None


UserId = Annotated[str, Depends(_user_id)]
