"""Cookies of this host alone, which no script can read and no plain connection carries."""

from __future__ import annotations

from starlette.responses import Response


def give(answer: Response, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def take_back(answer: Response, name: str) -> None:
    answer.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
