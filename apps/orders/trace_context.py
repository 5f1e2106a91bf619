"""To which trace something belongs, as a text that travels in rows, messages and headers (W3C's traceparent)."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

HEADER = "traceparent"
_FORMAT = TraceContextTextMapPropagator()


def text_of(span: Span) -> str | None:
    """None where nothing is traced."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & trace.TraceFlags.SAMPLED:02x}"


def context_of(text: str | None) -> Context:
    """Nothing that is not a trace's context begins a new trace, whatever it is."""
    return _FORMAT.extract({HEADER: text}, Context()) if text else Context()
