"""What programs are told: problem+json (RFC 9457)."""

from __future__ import annotations

import logging
import sqlite3
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api_gateway.lane import LaneFull

log = logging.getLogger("operators_desk")


def problem(status: int, detail: str, **headers: str) -> JSONResponse:
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse(content, status, {"Cache-Control": "no-store", **named}, media_type="application/problem+json")


def answer_problems(app: FastAPI) -> None:
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(LaneFull, _lane_full)
    app.add_exception_handler(sqlite3.Error, _store_away)
    app.add_exception_handler(OSError, _store_away)
    app.add_exception_handler(Exception, _unexpected)


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), **(dict(error.headers) if error.headers else {}))


async def _lane_full(_: Request, error: Exception) -> Response:
    return problem(503, "Too many are logging in at this moment. Please try again.", Retry_After="1")


async def _store_away(request: Request, error: Exception) -> Response:
    log.error("%s %s: a file of the desk cannot be read or written: %s", request.method, request.url.path, error)
    return problem(503, "The desk cannot read or write its files. Its log says which.", Retry_After="5")


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "Something went wrong on our side.")
