"""The quick form of spans says what the SDK's own says."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, StatusCode, get_current_span

from orders.quick_spans import encode
from orders.trace_context import context_of


def spans() -> tuple[ReadableSpan, ...]:
    finished = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "gateway"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(finished))
    one, other = provider.get_tracer("one"), provider.get_tracer("other")
    remote = context_of("00-0af7651916cd43dd8448eb211c80319c-00000000000000e1-01")
    for kind in SpanKind:
        span = one.start_span(f"of {kind}", remote, kind, {"text": "a", "number": 1, "real": 1.0, "yes": True, "no": False, "zero": 0})
        span.end()
    link = Link(get_current_span(remote).get_span_context())
    with other.start_as_current_span("above", links=[link]) as above:
        above.set_status(StatusCode.ERROR)
        other.start_span("below").end()
    return finished.get_finished_spans()


def test_the_quick_form_says_what_the_sdk_says() -> None:
    told = spans()
    quick = ExportTraceServiceRequest.FromString(encode(told))
    usual = encode_spans(told)
    # The usual one says of each span that it has no status.
    for resource in usual.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                if not span.status.code:
                    span.ClearField("status")
    assert quick == usual
    # Once more with what is remembered by now.
    assert encode(told) == encode(told)


def test_no_spans_are_no_bytes_to_worry_about() -> None:
    assert ExportTraceServiceRequest.FromString(encode(())).resource_spans[0].scope_spans == []
