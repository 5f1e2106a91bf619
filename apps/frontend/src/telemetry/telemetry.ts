import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, WebTracerProvider } from "@opentelemetry/sdk-trace-web";

import { observe, observeNoMore } from "../api/ask";
import type { PageIdentity } from "../api/release";
import { Exporter, hasStopped } from "./exporter";
import { observer } from "./observer";
import { tellLoad } from "./load";
import { tellVitals } from "./vitals";

/** How the page loaded, how it felt, and what it asked. Nothing of what is in it. */
export function tell(page: PageIdentity): void {
  if (hasStopped()) return;
  const processor = new BatchSpanProcessor(new Exporter(observeNoMore), { maxQueueSize: 128, maxExportBatchSize: 32, scheduledDelayMillis: 3_000 });
  const provider = new WebTracerProvider({
    resource: resourceFromAttributes({
      "service.name": "browser",
      "service.version": page.version,
      "echobase.colour": page.colour,
      "echobase.release": page.release,
    }),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer("page");
  tellVitals(tracer, tellLoad(tracer));
  observe(observer(tracer));
  // The last word of a page: later there may be no page. Its vitals are reported on the same occasion, just before.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") void processor.forceFlush();
  });
  addEventListener("pagehide", () => void processor.forceFlush());
}
