"""For operators, load balancers and the release: does it live, can it serve?"""

from __future__ import annotations

import platform
import time

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api_gateway.checks import database_answers, run_checks
from api_gateway.context import Given
from api_gateway.memory import memory
from orders import utc

router = APIRouter(tags=["health"])
_STARTED = time.monotonic()

# The edge says by which of its entrances a request came, whatever the client claims; a colour's own ports have none.
ENTRANCE, CUSTOMERS = "x-echobase-entrance", "public"
HEALTHY, UNHEALTHY = "healthy", "unhealthy"


@router.get("/health")
async def health() -> JSONResponse:
    """The process answers. It says nothing about what it depends on."""
    return JSONResponse({"status": "ok", "timestamp": utc.text(utc.now())})


@router.get("/health/db")
async def health_db(context: Given) -> JSONResponse:
    return _service(await run_in_threadpool(database_answers, context.database))


@router.get("/health/cache")
async def health_cache() -> JSONResponse:
    """This release uses no cache, so none can be away."""
    return JSONResponse({"status": HEALTHY, "detail": "not configured"})


@router.get("/health/all")
async def health_all(context: Given, request: Request) -> JSONResponse:
    """`system` is for operators: to whom the edge marks as a customer it is not told."""
    database = await run_in_threadpool(database_answers, context.database)
    content: dict[str, object] = {
        "status": "ok" if database else "degraded",
        "timestamp": utc.text(utc.now()),
        "services": {"api": HEALTHY, "database": HEALTHY if database else UNHEALTHY, "cache": HEALTHY},
    }
    if request.headers.get(ENTRANCE) != CUSTOMERS:
        content["system"] = {"uptime": round(time.monotonic() - _STARTED, 1), "memory": memory(), "platform": platform.platform()}
    return JSONResponse(content, status_code=200 if database else 503)


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
        "note_key": context.notes.key_id,
        "dead_letters": checks.dead_letters,
        "checks": {"database": checks.database, "schema": checks.schema_within_range, "encryption": checks.encryption},
    }
    return JSONResponse(content, status_code=200 if checks.ready else 503)


def _service(is_healthy: bool) -> JSONResponse:
    return JSONResponse({"status": HEALTHY if is_healthy else UNHEALTHY}, status_code=200 if is_healthy else 503)
