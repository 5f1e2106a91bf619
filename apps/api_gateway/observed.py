"""Each request of a customer is a span and a measurement. What stands in its address, headers and body is not told."""

from __future__ import annotations

import time

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_gateway.client_address import ClientAddress
from orders.trace_context import context_of

# Whatever else a caller makes up would become a series of its own.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


class Observed:
    def __init__(self, app: ASGIApp, client_address: ClientAddress) -> None:
        self._app = app
        self._client_address = client_address
        self._tracer: Tracer = trace.get_tracer("api_gateway")
        self._duration = metrics.get_meter("api_gateway").create_histogram(
            "http.server.request.duration", "s", "How long requests of customers took.", explicit_bucket_boundaries_advisory=_SECONDS
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        status = 500
        began = time.perf_counter()

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        span = self._tracer.start_span(method, self._parent(scope), SpanKind.SERVER)
        # The span stays the current one while the measurement is taken: that is how it becomes its example.
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                await self._app(scope, receive, send_observed)
            finally:
                attributes: dict[str, str | int] = {"http.request.method": method, "http.response.status_code": status}
                route = getattr(scope.get("route"), "path_format", None)
                if isinstance(route, str):
                    attributes["http.route"] = route
                    span.update_name(f"{method} {route}")
                if status >= 500:
                    attributes["error.type"] = str(status)
                    span.set_status(StatusCode.ERROR)
                span.set_attributes(attributes)
                self._duration.record(time.perf_counter() - began, attributes)

    def _parent(self, scope: Scope) -> Context:
        """Only who may say on whose behalf it calls may say to which trace a request belongs."""
        if not self._client_address.is_of_proxy(scope):
            return Context()
        given = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        return context_of(given.decode("latin-1"))
