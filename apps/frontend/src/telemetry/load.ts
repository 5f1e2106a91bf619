import { SpanKind, type Tracer } from "@opentelemetry/api";

import { label } from "./labels";
import { routeOf } from "./route";

/** The way of the page itself: from the click to its last byte, and to when it was ready. */
export function tellLoad(tracer: Tracer): void {
  const timing = performance.getEntriesByType("navigation")[0];
  if (!timing) return;
  const attributes = { "url.path": routeOf(location.pathname), "browser.navigation.type": timing.type };
  // A server that names the trace of the page's own request makes this a part of it.
  const traceId = timing.serverTiming.find(({ name }) => name === "trace")?.description;
  const steps = [
    ["page load", timing.fetchStart, timing.loadEventEnd],
    ["page fetch", timing.requestStart, timing.responseEnd],
  ] as const;
  for (const [name, began, ended] of steps) {
    if (ended < began) continue;
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, root: true, attributes, startTime: moment(began) });
    label(span, traceId);
    span.end(moment(ended));
  }
}

function moment(sinceOrigin: number): number {
  return performance.timeOrigin + sinceOrigin;
}
