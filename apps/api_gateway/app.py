"""The gateway as one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from starlette.types import ASGIApp

from api_gateway import account_routes, docs_routes, health_routes, order_routes
from api_gateway.context import Context
from api_gateway.identity import Identity
from api_gateway.in_flight import InFlight
from api_gateway.no_store import NoStore
from api_gateway.problem import answer_problems
from api_gateway.rate_limit import RateLimit
from api_gateway.request_limits import RequestLimits

# Beside those that wait for the database.
_SPARE_THREADS = 8


def make_app(context: Context) -> ASGIApp:
    settings = context.settings

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = settings.database_connections + _SPARE_THREADS
        yield
        context.database.close()

    api = FastAPI(title="echobase orders", version=settings.release.version, lifespan=lifespan, docs_url=None, redoc_url=None)
    for routes in (account_routes, order_routes, health_routes, docs_routes):
        api.include_router(routes.router)
    answer_problems(api)
    limits = RequestLimits(api, RateLimit(settings.requests_per_minute), context.client_address)
    api.state.context = context
    api.state.in_flight = InFlight(limits)
    # Outside of everything, so that no answer can leave without it.
    return Identity(NoStore(api.state.in_flight), settings.release)
