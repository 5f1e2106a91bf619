import type { Tracer } from "@opentelemetry/api";
import { type Metric, onCLS, onFCP, onINP, onLCP, onTTFB } from "web-vitals";

import { routeOf } from "./route";

/** How the page felt (web.dev/vitals): each figure once, when it is final. */
export function tellVitals(tracer: Tracer): void {
  const tell = ({ name, value, rating }: Metric): void => {
    const attributes = {
      "web_vital.name": name,
      "web_vital.value": value,
      "web_vital.rating": rating,
      "url.path": routeOf(location.pathname),
    };
    tracer.startSpan(`web vital ${name}`, { root: true, attributes }).end();
  };
  for (const report of [onTTFB, onFCP, onLCP, onCLS, onINP]) report(tell);
}
