"""The edge's part in each trace, made from the lines of its access log: nginx itself tells nobody but its log.

What waits to be sent is bounded, and so is how much of it comes of successes: a flood of requests becomes no flood of spans.
"""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Callable
from threading import Lock
from typing import Any

from operators_desk.edge_line import EdgeLine
from operators_desk.edge_routes import EdgeRoutes, known_method

# As in roles/edge/templates/nginx/trace_macros.j2, from where the colours learn it.
EDGE_SPAN = "00000000000000e1"
_SERVER, _ERROR = 2, 2
_TRACE = re.compile(r"[0-9a-f]{32}")
_SPAN = re.compile(r"[0-9a-f]{16}")
_LONGEST_PATH = 256
# Spans about the sending of spans would never end.
_NEVER_TOLD = "/otlp/"

SUCCESSES_PER_SECOND = 200
MOST_WAITING = 4096
Span = dict[str, Any]


class EdgeSpans:
    def __init__(self, routes: EdgeRoutes, clock: Callable[[], float] = time.monotonic) -> None:
        self._routes = routes
        self._clock = clock
        self._lock = Lock()
        self._waiting: deque[Span] = deque()
        self._allowance, self._since = float(SUCCESSES_PER_SECOND), clock()
        # By what kept them from being sent.
        self.dropped: Counter[str] = Counter({"rate": 0, "full": 0, "refused": 0})
        self.sent = 0

    def add(self, line: EdgeLine) -> None:
        failed = line.status >= 500
        if not (failed or line.trace_id) or line.text("path").startswith(_NEVER_TOLD):
            return
        if not failed and not self._may_tell_a_success():
            self.dropped["rate"] += 1
            return
        span = self._span(line)
        if span is not None:
            with self._lock:
                self._waiting.append(span)
                self._shorten()

    def take(self, most: int) -> list[Span]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def give_back(self, spans: list[Span]) -> None:
        """They could not be sent yet."""
        with self._lock:
            self._waiting.extendleft(reversed(spans))
            self._shorten()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def _shorten(self) -> None:
        """The oldest go: whoever looks wants to know what happens now."""
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self.dropped["full"] += 1

    def _may_tell_a_success(self) -> bool:
        now = self._clock()
        self._allowance = min(float(SUCCESSES_PER_SECOND), self._allowance + (now - self._since) * SUCCESSES_PER_SECOND)
        self._since = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _span(self, line: EdgeLine) -> Span | None:
        trace_id, parent = line.text("trace_id"), line.text("parent_span")
        try:
            ended = float(line.entry["ended"])
        except (KeyError, TypeError, ValueError):
            return None
        if not _TRACE.fullmatch(trace_id):
            return None
        method, path = known_method(line.text("method")), line.path
        route = self._routes.route(path)
        failed = line.status >= 500
        span: Span = {
            "traceId": trace_id,
            "spanId": EDGE_SPAN,
            "flags": int(bool(line.trace_id)),
            "kind": _SERVER,
            "name": f"{method} {route}",
            "startTimeUnixNano": _nanoseconds(ended - line.seconds),
            "endTimeUnixNano": _nanoseconds(ended),
            "attributes": [
                _text("http.request.method", method),
                {"key": "http.response.status_code", "value": {"intValue": str(line.status)}},
                _text("http.route", route),
                _text("url.path", path[:_LONGEST_PATH]),
                _text("echobase.entrance", line.entrance),
                *([_text("echobase.colour", line.colour)] if line.colour else []),
                *([_text("echobase.replayed_from", line.replayed_from)] if line.replayed_from else []),
                *([_text("error.type", line.error or str(line.status))] if line.error or failed else []),
            ],
        }
        if _SPAN.fullmatch(parent):
            span["parentSpanId"] = parent
        if failed:
            span["status"] = {"code": _ERROR}
        return span


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def _nanoseconds(seconds: float) -> str:
    """OTLP's JSON has whole numbers of 64 bits as text. nginx knows milliseconds."""
    return str(round(seconds * 1000) * 1_000_000)
