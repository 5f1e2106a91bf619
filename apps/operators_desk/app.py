"""The desk as one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from operators_desk import check_routes, login_routes, preview_routes
from operators_desk.context import Context
from operators_desk.edge_metrics import EdgeMetrics
from operators_desk.edge_routes import EdgeRoutes
from operators_desk.edge_spans import EdgeSpans
from operators_desk.exposition import Exposition
from operators_desk.observed_door import ObservedDoor
from operators_desk.problems import answer_problems
from operators_desk.span_sender import SpanSender


def make_app(context: Context) -> FastAPI:
    settings = context.settings
    spans = EdgeSpans(EdgeRoutes(settings.tools, settings.routes)) if settings.telemetry else None
    metrics = EdgeMetrics(settings.edge_log, spans)
    sender = SpanSender(settings.telemetry, spans) if settings.telemetry and spans else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        metrics.start()
        if sender:
            sender.start()
        yield
        metrics.stop()
        if sender:
            sender.stop()
        context.sessions.close()

    desk = FastAPI(title="echobase operators' desk", lifespan=lifespan, openapi_url=None)
    desk.state.context = context
    for routes in (login_routes, check_routes, preview_routes):
        desk.include_router(routes.router)

    @desk.get("/health")
    def health() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @desk.get("/metrics")
    def edge_metrics(request: Request) -> Response:
        exposition = Exposition.asked_for(request.headers.get("accept", ""))
        return Response(metrics.render(exposition), headers={"Content-Type": exposition.value})

    answer_problems(desk)
    if settings.observed_address:
        desk.add_middleware(ObservedDoor, address=settings.observed_address)
    return desk
