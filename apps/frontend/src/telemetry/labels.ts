import type { Span } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-web";

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;

const labels = new WeakMap<object, string>();

/** The edge makes the trace of each request itself and names it in the answer: the span that asked belongs to that one. */
export function label(span: Span, traceId: string | null | undefined): void {
  if (traceId && TRACE_ID.test(traceId)) labels.set(span, traceId);
}

export function inTraceOfAnswer(span: ReadableSpan): ReadableSpan {
  const traceId = labels.get(span);
  if (!traceId) return span;
  return Object.create(span, { spanContext: { value: () => ({ ...span.spanContext(), traceId }) } }) as ReadableSpan;
}
