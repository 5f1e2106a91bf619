"""What the lines of the edge's access log add up to, in the text format of Prometheus."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from orders.metrics_text import Labels
from orders.metrics_text import header as _header
from orders.metrics_text import labels as _labels
from orders.metrics_text import shown as _shown

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
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds


class EdgeCounters:
    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._failures: Counter[str] = Counter(dict.fromkeys(_COLOURS, 0))
        self._replayed: Counter[str] = Counter(dict.fromkeys(_COLOURS, 0))
        self._errors: Counter[str] = Counter(dict.fromkeys(ALARMING_ERRORS, 0))
        self._durations: dict[str, Durations] = {}
        self._unparsable = 0

    def count(self, line: bytes) -> None:
        try:
            # In an address, nginx leaves bytes that are no UTF-8 as they are.
            entry = json.loads(line.decode("latin-1"))
            entrance, replayed_from, error = (entry[name] for name in ("entrance", "replayed_from", "error"))
            # The usual line names the colour that would have been asked. A client that hung up before had no answer of it.
            colour = entry["colour"] if entry["upstream_seconds"] else ""
            status, seconds = int(entry["status"]), float(entry["seconds"])
        except (ValueError, KeyError, TypeError):
            self._unparsable += 1
            return
        self._requests[entrance, colour, f"{status // 100}xx"] += 1
        if replayed_from:
            self._replayed[replayed_from] += 1
            self._failures[replayed_from] += 1
        if colour and status >= 500:
            self._failures[colour] += 1
        if error:
            self._errors[error] += 1
        # How long a WebSocket stood says nothing about speed.
        if colour and status != _SWITCHING_PROTOCOLS:
            self._durations.setdefault(colour, Durations()).add(seconds)

    def render(self, unread_bytes: int, is_readable: bool) -> str:
        requests = {_labels(entrance=key[0], colour=key[1], status_class=key[2]): value for key, value in self._requests.items()}
        parts: list[Iterable[str]] = [
            _metric("requests_total", "counter", "Requests that the edge answered.", requests),
            _metric(
                "failures_total",
                "counter",
                "Requests that a colour failed, whether a client saw it or the stable colour answered instead.",
                {_labels(colour=colour): value for colour, value in self._failures.items()},
            ),
            _metric(
                "replayed_total",
                "counter",
                "Requests that the stable colour answered because the candidate had failed them.",
                {_labels(**{"from": colour}): value for colour, value in self._replayed.items()},
            ),
            _metric(
                "errors_total",
                "counter",
                "Answers of the edge itself, by what kept it from asking a colour or from passing on its answer.",
                {_labels(error=error): value for error, value in self._errors.items()},
            ),
            self._histogram(),
            _metric("log_lines_unparsable_total", "counter", "Lines of the access log that could not be counted.", {(): self._unparsable}),
            _metric("log_lag_bytes", "gauge", "How much of the access log is not counted yet.", {(): unread_bytes}),
            _metric("log_readable", "gauge", "Whether there is an access log to count.", {(): int(is_readable)}),
        ]
        return "".join(f"{line}\n" for part in parts for line in part)

    def _histogram(self) -> Iterator[str]:
        name = "echobase_edge_request_duration_seconds"
        yield from _header(name, "histogram", "From a request's first byte to its answer's last, by the colour that answered.")
        for colour, durations in sorted(self._durations.items()):
            count = 0
            for bound, within in zip([*map(str, SECONDS), "+Inf"], durations.buckets, strict=True):
                count += within
                yield f"{name}_bucket{_shown(_labels(colour=colour, le=bound))} {count}"
            yield f"{name}_sum{_shown(_labels(colour=colour))} {durations.total:.6f}"
            yield f"{name}_count{_shown(_labels(colour=colour))} {count}"


def _metric(name: str, kind: str, explanation: str, values: Mapping[Labels, int]) -> Iterator[str]:
    yield from _header(f"echobase_edge_{name}", kind, explanation)
    for labels, value in sorted(values.items()):
        yield f"echobase_edge_{name}{_shown(labels)} {value}"
