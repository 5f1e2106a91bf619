import { type Context, ROOT_CONTEXT, SpanKind, trace, type Tracer } from "@opentelemetry/api";

import { label } from "./labels";
import { routeOf } from "./route";

/** The trace of the page itself, in which its vitals have their place, too. */
export interface PageTrace {
  context: Context;
  traceId: string | undefined;
}

/** The way of the page: until it was ready, and in it how long its server took. */
export function tellLoad(tracer: Tracer): PageTrace {
  const timing = performance.getEntriesByType("navigation")[0];
  if (!timing) return { context: ROOT_CONTEXT, traceId: undefined };
  const options = { kind: SpanKind.CLIENT, attributes: { "url.path": routeOf(location.pathname), "browser.navigation.type": timing.type } };
  // A server that names the trace of the page's own request makes this a part of it.
  const traceId = timing.serverTiming.find(({ name }) => name === "trace")?.description;
  const load = tracer.startSpan("page load", { ...options, startTime: moment(timing.fetchStart) }, ROOT_CONTEXT);
  const context = trace.setSpan(ROOT_CONTEXT, load);
  const fetched = tracer.startSpan("page fetch", { ...options, startTime: moment(timing.requestStart) }, context);
  for (const span of [load, fetched]) label(span, traceId);
  fetched.end(moment(timing.responseEnd));
  load.end(moment(timing.loadEventEnd));
  return { context, traceId };
}

function moment(sinceOrigin: number): number {
  return performance.timeOrigin + sinceOrigin;
}
