"""Who applications tell about themselves: a real OTLP/HTTP server that keeps everything it is told. And how it can be gone."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness.http_sink import http_sink
from harness.waiting import eventually

_KINDS: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
FAILED = 2


@dataclass(frozen=True)
class Span:
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    status: int


@dataclass(frozen=True)
class Log:
    text: str
    severity: str
    trace_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A measurement: of a histogram the count is its value."""

    metric: str
    value: float
    attributes: dict[str, Any]
    resource: dict[str, Any]
    # The traces of its examples.
    examples: tuple[str, ...]


@dataclass
class OtlpSink:
    url: str = ""
    # What it answers with; what it refuses it forgets.
    status: int = 200
    headers: list[dict[str, str]] = field(default_factory=list)
    # The requests as they came: path and body.
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    _requests: list[tuple[str, Any]] = field(default_factory=list)

    def spans(self, trace_id: str = "") -> list[Span]:
        return [span for span in self._spans() if not trace_id or span.trace_id == trace_id]

    def await_span(self, name: str, trace_id: str = "") -> Span:
        def found() -> Span | None:
            return next((span for span in self.spans(trace_id) if span.name == name), None)

        return eventually(found, lambda: f"a span '{name}' of trace '{trace_id}'; there are {[span.name for span in self.spans()]}", 30)

    def logs(self, trace_id: str = "") -> list[Log]:
        return [log for log in self._logs() if not trace_id or log.trace_id == trace_id]

    def points(self, metric: str) -> list[Point]:
        return [point for point in self._points() if point.metric == metric]

    def holds(self, text: str) -> bool:
        """Whether the text stands in anything that was ever told, names and values of all kinds alike."""
        return any(text.encode() in body for _, body in self.bodies)

    def _told(self, path: str) -> list[Any]:
        """They are decoded once somebody asks, so that a benchmark is not held up."""
        for kind, body in self.bodies[len(self._requests) :]:
            self._requests.append((kind, _KINDS[kind].FromString(body)))
        return [request for kind, request in self._requests if kind == path]

    def _spans(self) -> Iterator[Span]:
        for request in self._told("/v1/traces"):
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        yield Span(
                            span.name,
                            span.kind,
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            _plain(span.attributes),
                            _plain(resource.resource.attributes),
                            tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                            span.status.code,
                        )

    def _logs(self) -> Iterator[Log]:
        for request in self._told("/v1/logs"):
            for resource in request.resource_logs:
                for scope in resource.scope_logs:
                    for log in scope.log_records:
                        yield Log(
                            log.body.string_value,
                            log.severity_text,
                            log.trace_id.hex(),
                            _plain(log.attributes),
                            _plain(resource.resource.attributes),
                        )

    def _points(self) -> Iterator[Point]:
        for request in self._told("/v1/metrics"):
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        for point in getattr(metric, metric.WhichOneof("data")).data_points:
                            yield Point(
                                metric.name,
                                _value(point),
                                _plain(point.attributes),
                                _plain(resource.resource.attributes),
                                tuple(example.trace_id.hex() for example in point.exemplars),
                            )


@contextmanager
def otlp_sink(address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[OtlpSink]:
    sink = OtlpSink()

    def take(path: str, headers: Mapping[str, str], body: bytes) -> int:
        sink.headers.append(dict(headers))
        if sink.status == 200:
            sink.bodies.append((path, body))
        return sink.status if path in _KINDS else 404

    with http_sink(take, address, port, tls) as listens_on:
        sink.url = f"{'https' if tls else 'http'}://{address}:{listens_on}"
        yield sink


@contextmanager
def nobody_there(address: str = "127.0.0.1") -> Iterator[str]:
    """Connections are refused."""
    with socket.create_server((address, 0)) as probe:
        port = probe.getsockname()[1]
    yield f"http://{address}:{port}"


@contextmanager
def hanging(address: str = "127.0.0.1") -> Iterator[str]:
    """Connections are taken, and nothing is ever said on them."""
    with socket.create_server((address, 0), backlog=128) as server:
        yield f"http://{address}:{server.getsockname()[1]}"


@contextmanager
def black_hole(address: str = "127.0.0.1") -> Iterator[str]:
    """Nothing comes back, not even that nobody is there: the queue of a server that takes no connection is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server((address, 0), backlog=0))
        place = server.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(place)
        yield f"http://{address}:{place[1]}"


def _plain(attributes: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}


def _value(point: Any) -> float:
    return float(point.count if hasattr(point, "bucket_counts") else getattr(point, point.WhichOneof("value")))
