import type { Tracer } from "@opentelemetry/api";
import { type Metric, onCLS, onFCP, onINP, onLCP, onTTFB } from "web-vitals";

import { label } from "./labels";
import type { PageTrace } from "./load";
import { routeOf } from "./route";

/** How the page felt (web.dev/vitals): each figure once, when it is final. */
export function tellVitals(tracer: Tracer, page: PageTrace): void {
  const tell = ({ name, value, rating }: Metric): void => {
    const attributes = {
      "web_vital.name": name,
      "web_vital.value": value,
      "web_vital.rating": rating,
      "url.path": routeOf(location.pathname),
    };
    const span = tracer.startSpan(`web vital ${name}`, { attributes }, page.context);
    label(span, page.traceId);
    span.end();
  };
  for (const report of [onTTFB, onFCP, onLCP, onCLS, onINP]) report(tell);
}
