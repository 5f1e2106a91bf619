"""Whatever goes wrong is answered as problem+json (RFC 9457), and never with a traceback."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from api_gateway.lane import LaneFull
from orders.cloud import KeyServiceAway
from orders.database import DatabaseAway
from orders.envelope import Unreadable

log = logging.getLogger("api_gateway")

RETRY_AFTER_SECONDS = 1


class Problem(Exception):
    """An answer other than the wanted one, in words for the caller."""

    def __init__(
        self, status: int, detail: str, errors: Sequence[Mapping[str, str]] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def response(self) -> JSONResponse:
        content: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        content["detail"] = self.detail
        if self.errors:
            content["errors"] = list(self.errors)
        return JSONResponse(content, self.status, self.headers, media_type="application/problem+json")


def unavailable(detail: str) -> Problem:
    """Nothing was stored that the caller does not know of; with the same idempotency key it may simply ask again."""
    return Problem(503, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def too_many_requests(detail: str, retry_after: int) -> Problem:
    return Problem(429, detail, headers={"Retry-After": str(retry_after)})


def answer_problems(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _own)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(DatabaseAway, _database_away)
    app.add_exception_handler(LaneFull, _lane_full)
    app.add_exception_handler(KeyServiceAway, _key_service_away)
    app.add_exception_handler(Unreadable, _unexpected)
    app.add_exception_handler(SQLAlchemyError, _unexpected)
    app.add_exception_handler(Exception, _unexpected)


async def _own(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return error.response()


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return Problem(error.status_code, str(error.detail), headers=error.headers).response()


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return Problem(422, "The request is not valid.", [_field(found) for found in error.errors()]).response()


async def _database_away(request: Request, error: Exception) -> JSONResponse:
    log.warning("%s %s: database away: %s", request.method, request.url.path, error)
    return unavailable("The database is away for a moment. Please try again.").response()


async def _lane_full(request: Request, error: Exception) -> JSONResponse:
    log.warning("%s %s: too many wait already", request.method, request.url.path)
    return unavailable("Too many are logging in or registering at this moment. Please try again.").response()


async def _key_service_away(request: Request, error: Exception) -> JSONResponse:
    log.warning("%s %s: key service away: %s", request.method, request.url.path, error)
    return unavailable("Notes cannot be encrypted or read for a moment. Please try again.").response()


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return Problem(500, "Something went wrong on our side.").response()


def _field(error: Mapping[str, object]) -> dict[str, str]:
    """Where in the body (RFC 6901), or the name of the header."""
    location = error["loc"]
    assert isinstance(location, tuple)
    source, *path = (str(part) for part in location)
    pointer = "#/" + "/".join(path) if source == "body" else "/".join([source, *path])
    return {"pointer": pointer, "detail": str(error["msg"])}
