import { type Span, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";

import type { Ask } from "../api/ask";
import { label } from "./labels";
import { routeOf } from "./route";

/** Each question is a span, whose id travels with it. Neither its path's query nor its headers, body or answer are told. */
export function observer(tracer: Tracer): (plainly: Ask) => Ask {
  return (plainly) => async (path, init) => {
    const method = init?.method ?? "GET";
    const route = routeOf(path);
    const attributes = { "http.request.method": method, "url.path": route };
    const span = tracer.startSpan(`${method} ${route}`, { kind: SpanKind.CLIENT, root: true, attributes });
    try {
      const response = await plainly(path, { ...init, headers: withContext(init?.headers, span) });
      label(span, response.headers.get("Trace-Id"));
      span.setAttribute("http.response.status_code", response.status);
      if (response.status >= 400) span.setStatus({ code: SpanStatusCode.ERROR });
      return response;
    } catch (error) {
      span.setAttribute("error.type", error instanceof Error ? error.name : "unknown");
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  };
}

function withContext(given: HeadersInit | undefined, span: Span): Headers {
  const headers = new Headers(given);
  const { traceId, spanId } = span.spanContext();
  headers.set("traceparent", `00-${traceId}-${spanId}-01`);
  return headers;
}
