"""For operators, load balancers and the release: does it live, can it serve?"""

from __future__ import annotations

import platform
import time

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api_gateway.checks import run_checks
from api_gateway.context import Given
from api_gateway.health_reports import Alive, Answered, Report, ServiceReport, ask_both, ask_cache, ask_database
from api_gateway.memory import memory
from orders import utc

router = APIRouter(tags=["health"])
_STARTED = time.monotonic()

# The edge says by which of its entrances a request came, whatever the client claims; a colour's own ports have none.
ENTRANCE, CUSTOMERS = "x-echobase-entrance", "public"


@router.get("/health", response_model=Alive)
async def health() -> JSONResponse:
    """The process answers. It says nothing about what it depends on."""
    return JSONResponse({"status": "ok", "timestamp": utc.text(utc.now())})


@router.get("/health/db", response_model=ServiceReport, responses={503: {"model": ServiceReport, "description": "It does not answer."}})
async def health_db(context: Given) -> JSONResponse:
    return _service(await ask_database(context))


@router.get("/health/cache", response_model=ServiceReport, responses={503: {"model": ServiceReport, "description": "It does not answer."}})
async def health_cache(context: Given) -> JSONResponse:
    """Where there is no cache, none can be away."""
    if context.cache is None:
        return JSONResponse({"status": "healthy", "detail": "not configured"})
    return _service(await ask_cache(context))


@router.get(
    "/health/all", response_model=Report, responses={503: {"model": Report, "description": "The database is away: orders cannot be taken."}}
)
async def health_all(context: Given, request: Request) -> JSONResponse:
    """`degraded` with 200: the cache is away, and everything is served without it.

    `system` is for operators: to whom the edge marks as a customer it is not told.
    The header `Server-Timing` says how many milliseconds database and cache took.
    """
    database, cache = await ask_both(context)
    content: dict[str, object] = {
        "status": "ok" if database.well and cache.well else "degraded",
        "timestamp": utc.text(utc.now()),
        "services": {"api": "healthy", "database": database.health, "cache": cache.health},
    }
    if request.headers.get(ENTRANCE) != CUSTOMERS:
        content["system"] = {"uptime": round(time.monotonic() - _STARTED, 1), "memory": memory(), "platform": platform.platform()}
    timing = f"database;dur={database.seconds * 1000:.1f}, cache;dur={cache.seconds * 1000:.1f}"
    return JSONResponse(content, status_code=200 if database.well else 503, headers={"Server-Timing": timing})


@router.get("/in-flight", include_in_schema=False)
async def in_flight(request: Request) -> JSONResponse:
    """For whoever waits until this colour has answered everything; the edge does not let customers ask."""
    return JSONResponse({"in_flight": request.app.state.in_flight.count})


@router.get("/ready")
async def ready(context: Given, request: Request) -> JSONResponse:
    """Everything that serving needs is there, and the schema is one that this release runs on."""
    release = context.settings.release
    checks = await run_in_threadpool(run_checks, context.database, context.notes)
    keys = context.tokens.keys
    content = {
        "status": "ready" if checks.ready else "not ready",
        "environment": release.environment,
        "colour": release.colour,
        "release": release.id,
        "version": release.version,
        "schema": {"expand": checks.schema.expand, "contract": checks.schema.contract} if checks.schema else None,
        "in_flight": request.app.state.in_flight.count,
        # Whoever rotates keys waits for this. Their ids stand in every token and give nothing away.
        "token_keys": {"signs": keys.current, "accepted": sorted(keys.accepted(time.time()))},
        "wrapping_key": context.notes.key_id,
        "dead_letters": checks.dead_letters,
        "checks": {"database": checks.database, "schema": checks.schema_within_range, "encryption": checks.encryption},
    }
    return JSONResponse(content, status_code=200 if checks.ready else 503)


def _service(answered: Answered) -> JSONResponse:
    return JSONResponse({"status": answered.health}, status_code=200 if answered.well else 503)
