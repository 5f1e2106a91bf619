"""The desk as one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse

from operators_desk import check_routes, login_routes, preview_routes
from operators_desk.context import Context
from operators_desk.edge_metrics import EdgeMetrics
from operators_desk.problems import answer_problems


def make_app(context: Context) -> FastAPI:
    metrics = EdgeMetrics(context.settings.edge_log)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        metrics.start()
        yield
        metrics.stop()
        context.sessions.close()

    desk = FastAPI(title="echobase operators' desk", lifespan=lifespan, openapi_url=None)
    desk.state.context = context
    for routes in (login_routes, check_routes, preview_routes):
        desk.include_router(routes.router)

    @desk.get("/health")
    def health() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @desk.get("/metrics")
    def edge_metrics() -> PlainTextResponse:
        return PlainTextResponse(metrics.render(), media_type="text/plain; version=0.0.4")

    answer_problems(desk)
    return desk
