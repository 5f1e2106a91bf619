"""What the lines of the edge's access log add up to."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from operators_desk.edge_line import EdgeLine
from operators_desk.edge_spans import EDGE_SPAN, EdgeSpans
from operators_desk.exposition import Example, Exposition
from orders.metrics_text import labels, shown

_COLOURS = ("blue", "green")
# Answered with 503 on purpose: alerts take them off the failures.
INTENDED_ERRORS = ("maintenance", "nothing-live")
# Alerts compare with an earlier value, so these begin with 0 instead of with their first occurrence.
ALARMING_ERRORS = ("routing-table-unreadable", "colour-away", "edge-failed", *INTENDED_ERRORS)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SWITCHING_PROTOCOLS = 101


@dataclass
class Durations:
    # One more than there are bounds: what took longer than the last.
    buckets: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    # The newest trace of each, as far as its spans are kept.
    examples: list[Example | None] = field(default_factory=lambda: [None] * (len(SECONDS) + 1))
    total: float = 0.0

    def add(self, line: EdgeLine) -> None:
        place = bisect_left(SECONDS, line.seconds)
        self.buckets[place] += 1
        self.total += line.seconds
        ended = line.entry.get("ended")
        if line.trace_id and isinstance(ended, float | int):
            self.examples[place] = Example(line.trace_id, EDGE_SPAN, line.seconds, ended)


class EdgeCounters:
    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._failures: Counter[str] = Counter(dict.fromkeys(_COLOURS, 0))
        self._replayed: Counter[str] = Counter(dict.fromkeys(_COLOURS, 0))
        self._errors: Counter[str] = Counter(dict.fromkeys(ALARMING_ERRORS, 0))
        self._durations: dict[str, Durations] = {}
        self._unparsable = 0

    def count(self, raw: bytes) -> EdgeLine | None:
        """Counts a line and gives what it says; None if it says nothing that could be counted."""
        line = EdgeLine.parsed(raw)
        if line is None:
            self._unparsable += 1
            return None
        self._requests[line.entrance, line.colour, f"{line.status // 100}xx"] += 1
        if line.replayed_from:
            self._replayed[line.replayed_from] += 1
            self._failures[line.replayed_from] += 1
        if line.colour and line.status >= 500:
            self._failures[line.colour] += 1
        if line.error:
            self._errors[line.error] += 1
        # How long a WebSocket stood says nothing about speed.
        if line.colour and line.status != _SWITCHING_PROTOCOLS:
            self._durations.setdefault(line.colour, Durations()).add(line)
        return line

    def render(self, unread_bytes: int, is_readable: bool, spans: EdgeSpans | None = None, exposition: Exposition = Exposition.TEXT) -> str:
        requests = {labels(entrance=key[0], colour=key[1], status_class=key[2]): value for key, value in self._requests.items()}
        metric = exposition.metric
        parts: list[Iterable[str]] = [
            metric("echobase_edge_requests_total", "counter", "Requests that the edge answered.", requests),
            metric(
                "echobase_edge_failures_total",
                "counter",
                "Requests that a colour failed, whether a client saw it or the stable colour answered instead.",
                {labels(colour=colour): value for colour, value in self._failures.items()},
            ),
            metric(
                "echobase_edge_replayed_total",
                "counter",
                "Requests that the stable colour answered because the candidate had failed them.",
                {labels(**{"from": colour}): value for colour, value in self._replayed.items()},
            ),
            metric(
                "echobase_edge_errors_total",
                "counter",
                "Answers of the edge itself, by what kept it from asking a colour or from passing on its answer.",
                {labels(error=error): value for error, value in self._errors.items()},
            ),
            self._histogram(exposition),
            metric(
                "echobase_edge_log_lines_unparsable_total",
                "counter",
                "Lines of the access log that could not be counted.",
                {(): self._unparsable},
            ),
            metric("echobase_edge_log_lag_bytes", "gauge", "How much of the access log is not counted yet.", {(): unread_bytes}),
            metric("echobase_edge_log_readable", "gauge", "Whether there is an access log to count.", {(): int(is_readable)}),
            *(_of_spans(spans, exposition) if spans is not None else []),
        ]
        return "".join(f"{line}\n" for part in parts for line in part) + exposition.end

    def _histogram(self, exposition: Exposition) -> Iterator[str]:
        name = "echobase_edge_request_duration_seconds"
        yield from exposition.header(name, "histogram", "From a request's first byte to its answer's last, by the colour that answered.")
        for colour, durations in sorted(self._durations.items()):
            count = 0
            for bound, within, example in zip([*map(str, SECONDS), "+Inf"], durations.buckets, durations.examples, strict=True):
                count += within
                yield f"{name}_bucket{shown(labels(colour=colour, le=bound))} {count}{exposition.example(example)}"
            yield f"{name}_sum{shown(labels(colour=colour))} {durations.total:.6f}"
            yield f"{name}_count{shown(labels(colour=colour))} {count}"


def _of_spans(spans: EdgeSpans, exposition: Exposition) -> list[Iterable[str]]:
    dropped = {labels(reason=reason): count for reason, count in spans.dropped.items()}
    return [
        exposition.metric("echobase_edge_spans_sent_total", "counter", "Spans of the edge that were sent.", {(): spans.sent}),
        exposition.metric("echobase_edge_spans_dropped_total", "counter", "Spans of the edge that were not sent, and why.", dropped),
        exposition.metric("echobase_edge_spans_waiting", "gauge", "Spans of the edge that wait to be sent.", {(): spans.waiting}),
    ]
