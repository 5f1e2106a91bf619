"""What becomes of orders, told for each in its own trace, also where several were sent or handled at once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from opentelemetry import metrics, trace
from opentelemetry.trace import Link, Span, SpanKind, StatusCode

from order_processor.result import Result
from orders import utc
from orders.outbox import Unsent
from orders.trace_context import context_of, text_of
from orders.traced_transactions import WatchedTransaction

log = logging.getLogger("order_processor")

_AGES = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_OUTCOMES = (Result.PROCESSED, Result.FAILED, Result.POSTPONED)

tracer = trace.get_tracer("order_processor")


@dataclass(frozen=True)
class Outcome:
    """What became of an order. `error` says why it could not be processed, in words for the operator."""

    order_id: str
    user_id: str
    result: Result
    accepted_at: datetime
    # Of the span that sent the message, else of the request that placed the order.
    trace_context: str | None
    error: str = ""


@contextmanager
def publishing(rows: Sequence[Unsent]) -> Iterator[list[Unsent]]:
    """Gives the rows as they are to be sent: with the span that sends them. What is left in the list was not sent."""
    spans = {row.row_id: _begin("orders publish", SpanKind.PRODUCER, row.order_id, row.trace_context) for row in rows}
    unsent = [replace(row, trace_context=text_of(spans[row.row_id])) for row in rows]
    try:
        yield unsent
    finally:
        for row in unsent:
            spans[row.row_id].set_status(StatusCode.ERROR)
        for span in spans.values():
            span.end()


class ToldOutcomes:
    def __init__(self) -> None:
        meter = metrics.get_meter("order_processor")
        self._processed = meter.create_counter("echobase.orders.processed", "{order}", "What became of orders that were handled.")
        self._failed = meter.create_up_down_counter("echobase.orders.failed", "{order}", "Orders that this process gave up for good.")
        self._age = meter.create_histogram(
            "echobase.order.age", "s", "From an order's acceptance until it was processed.", explicit_bucket_boundaries_advisory=_AGES
        )
        # A series that begins with its first event hides it from whoever looks at increases.
        for result in _OUTCOMES:
            self._processed.add(0, {"result": result.name.lower()})
        self._failed.add(0)

    def tell(self, outcomes: Sequence[Outcome], transaction: WatchedTransaction) -> None:
        for outcome in outcomes:
            span = _begin("orders process", SpanKind.CONSUMER, outcome.order_id, outcome.trace_context, transaction.began)
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                transaction.tell()
                self._measure(outcome)
                self._log(outcome)
            span.set_attribute("echobase.order.result", outcome.result.name.lower())
            if outcome.result is not Result.PROCESSED:
                span.set_status(StatusCode.ERROR)
            span.end()

    def _measure(self, outcome: Outcome) -> None:
        self._processed.add(1, {"result": outcome.result.name.lower()})
        if outcome.result is Result.PROCESSED:
            self._age.record((utc.now() - outcome.accepted_at).total_seconds())
        elif outcome.result is Result.FAILED:
            self._failed.add(1)

    def _log(self, outcome: Outcome) -> None:
        level = logging.INFO if outcome.result is Result.PROCESSED else logging.WARNING
        log.log(level, "order %s: %s%s", outcome.order_id, outcome.result.name.lower(), outcome.error and f": {outcome.error}")


def _begin(name: str, kind: SpanKind, order_id: str, parent: str | None, moment: int | None = None) -> Span:
    """Begins a span whose parent waited in a row or a message."""
    context = context_of(parent)
    before = trace.get_current_span(context).get_span_context()
    links = [Link(before)] if kind is SpanKind.CONSUMER and before.is_valid else []
    attributes = {"messaging.system": "aws_sqs", "messaging.operation.name": name.rpartition(" ")[2], "echobase.order.id": order_id}
    return tracer.start_span(name, context, kind, attributes, links, moment)
