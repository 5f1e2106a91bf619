"""The gateway as one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp

from api_gateway import account_routes, contract, docs_routes, health_routes, order_routes
from api_gateway.context import Context
from api_gateway.identity import Identity
from api_gateway.in_flight import InFlight
from api_gateway.no_store import NoStore
from api_gateway.observed import Observed
from api_gateway.problem import answer_problems
from api_gateway.request_limits import RequestLimits
from orders.telemetry import Telemetry

# Beside those that wait for the database.
_SPARE_THREADS = 8
# For what is still to be told at the end; nobody waits longer for whom it is told to.
_LAST_WORDS_SECONDS = 1.0
# FastAPI's own would tell addresses with their queries, and twice what is told here.
_NOTHING: TelemetryConfig = {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}


def make_app(context: Context, telemetry: Telemetry | None = None) -> ASGIApp:
    settings = context.settings

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = settings.database_connections + _SPARE_THREADS
        if context.cache:
            await context.cache.start()
        yield
        if context.cache:
            await context.cache.stop()
        context.database.close()
        if telemetry:
            await to_thread.run_sync(telemetry.stop, _LAST_WORDS_SECONDS)

    api = FastAPI(
        title="echobase orders", version=settings.release.version, lifespan=lifespan, docs_url=None, redoc_url=None, telemetry=_NOTHING
    )
    for routes in (account_routes, order_routes, health_routes, docs_routes):
        api.include_router(routes.router)
    contract.publish(api)
    answer_problems(api)
    limits = RequestLimits(api, context.requests, context.client_address)
    api.state.context = context
    api.state.in_flight = InFlight(limits)
    # Outside of everything, so that no answer can leave without it.
    app = Identity(NoStore(api.state.in_flight), settings.release)
    return Observed(app, context.client_address) if telemetry and telemetry.is_on else app
