"""OTLP as any sender speaks it: JSON over HTTP, without a library."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

Attributes = Mapping[str, Any]


def new_trace_id() -> str:
    return secrets.token_hex(16)


def new_span_id() -> str:
    return secrets.token_hex(8)


def attributes(values: Attributes) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def spans(resource: Attributes, trace_id: str, name: str = "GET /orders", span_id: str = "", **span: Any) -> dict[str, Any]:
    now = time.time_ns()
    one = {
        "traceId": trace_id,
        "spanId": span_id or new_span_id(),
        "name": name,
        "kind": 2,
        "startTimeUnixNano": str(now - 20_000_000),
        "endTimeUnixNano": str(now),
        **span,
    }
    return {
        "resourceSpans": [{"resource": {"attributes": attributes(resource)}, "scopeSpans": [{"scope": {"name": "tests"}, "spans": [one]}]}]
    }


def counter(resource: Attributes, name: str, points: Mapping[tuple[tuple[str, str], ...], float]) -> dict[str, Any]:
    """`points` are values by their labels, each a pair of name and value."""
    now = time.time_ns()
    data = [
        {"asDouble": value, "timeUnixNano": str(now), "startTimeUnixNano": str(now - 10**9), "attributes": attributes(dict(labels))}
        for labels, value in points.items()
    ]
    return _metrics(resource, {"name": name, "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": data}})


def histogram(resource: Attributes, name: str, exemplar: Attributes, trace_id: str, span_id: str) -> dict[str, Any]:
    """One measured second, with an exemplar of which that is said."""
    now = time.time_ns()
    point = {
        "count": "1",
        "sum": 1.0,
        "bucketCounts": ["0", "1", "0"],
        "explicitBounds": [0.5, 2],
        "timeUnixNano": str(now),
        "startTimeUnixNano": str(now - 10**9),
        "exemplars": [
            {"asDouble": 1.0, "timeUnixNano": str(now), "traceId": trace_id, "spanId": span_id, "filteredAttributes": attributes(exemplar)}
        ],
    }
    return _metrics(resource, {"name": name, "unit": "s", "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}})


def log(resource: Attributes, body: Any, values: Attributes, trace_id: str = "", span_id: str = "") -> dict[str, Any]:
    now = str(time.time_ns())
    record: dict[str, Any] = {"timeUnixNano": now, "observedTimeUnixNano": now, "severityText": "INFO", "severityNumber": 9}
    record |= {"body": _value(body), "attributes": attributes(values), "traceId": trace_id, "spanId": span_id}
    return {"resourceLogs": [{"resource": {"attributes": attributes(resource)}, "scopeLogs": [{"scope": {}, "logRecords": [record]}]}]}


def _metrics(resource: Attributes, metric: dict[str, Any]) -> dict[str, Any]:
    return {"resourceMetrics": [{"resource": {"attributes": attributes(resource)}, "scopeMetrics": [{"scope": {}, "metrics": [metric]}]}]}


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case Mapping():
            return {"kvlistValue": {"values": attributes(value)}}
        case list():
            return {"arrayValue": {"values": [_value(one) for one in value]}}
        case _:
            return {"stringValue": str(value)}
