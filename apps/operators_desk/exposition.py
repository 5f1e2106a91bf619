"""How metrics are written down for whoever fetches them: Prometheus' text format, or OpenMetrics, which has room for examples."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orders import metrics_text
from orders.metrics_text import Labels, labels, shown

_OPENMETRICS = "application/openmetrics-text"


@dataclass(frozen=True, slots=True)
class Example:
    """A trace that was counted here."""

    trace_id: str
    span_id: str
    value: float
    # When, in seconds.
    when: float


class Exposition(enum.Enum):
    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = f"{_OPENMETRICS}; version=1.0.0; charset=utf-8"

    @classmethod
    def asked_for(cls, accept: str) -> Exposition:
        return cls.OPENMETRICS if _OPENMETRICS in accept else cls.TEXT

    @property
    def end(self) -> str:
        return "# EOF\n" if self is Exposition.OPENMETRICS else ""

    def metric(self, name: str, kind: str, explanation: str, values: Mapping[Labels, int]) -> Iterator[str]:
        yield from self.header(name, kind, explanation)
        for given, value in sorted(values.items()):
            yield f"{name}{shown(given)} {value}"

    def header(self, name: str, kind: str, explanation: str) -> Iterator[str]:
        """In OpenMetrics a counter's name is without the ending of its samples."""
        name = name.removesuffix("_total") if self is Exposition.OPENMETRICS else name
        yield from metrics_text.header(name, kind, explanation)

    def example(self, example: Example | None) -> str:
        """What follows a bucket's value."""
        if example is None or self is Exposition.TEXT:
            return ""
        ids = shown(labels(trace_id=example.trace_id, span_id=example.span_id))
        return f" # {ids} {example.value} {example.when:.3f}"
