"""Who runs are sent to: a real HTTPS server that keeps the spans which it is told in OTLP's JSON form."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from harness.http_sink import http_sink

FAILED = 2


@dataclass(frozen=True)
class SentSpan:
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int
    attributes: dict[str, Any]
    status: dict[str, Any]


@dataclass
class TraceSink:
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    # What it answers.
    status: int = 200

    @property
    def spans(self) -> list[SentSpan]:
        return [
            _span(span)
            for body in self.bodies
            for resource in json.loads(body)["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    @property
    def resource(self) -> dict[str, Any]:
        return _plain(json.loads(self.bodies[-1])["resourceSpans"][0]["resource"]["attributes"])

    def one(self, name: str) -> SentSpan:
        [found] = [span for span in self.spans if span.name == name]
        return found

    def above(self, span: SentSpan) -> list[str]:
        """The names of the spans that it is a part of, from the innermost."""
        by_id = {one.span_id: one for one in self.spans}
        names = []
        while span.parent_id in by_id:
            span = by_id[span.parent_id]
            names.append(span.name)
        return names


@contextmanager
def trace_sink(tls: ssl.SSLContext) -> Iterator[TraceSink]:
    sink = TraceSink()

    def take(path: str, headers: Mapping[str, str], body: bytes) -> int:
        assert (path, headers["Content-Type"]) == ("/v1/traces", "application/json")
        sink.bodies.append(body)
        return sink.status

    with http_sink(take, tls=tls) as port:
        sink.url = f"https://127.0.0.1:{port}"
        yield sink


def _span(span: dict[str, Any]) -> SentSpan:
    return SentSpan(
        span["name"],
        span["traceId"],
        span["spanId"],
        span["parentSpanId"],
        int(span["startTimeUnixNano"]),
        int(span["endTimeUnixNano"]),
        _plain(span["attributes"]),
        span["status"],
    )


def _plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in attributes}
