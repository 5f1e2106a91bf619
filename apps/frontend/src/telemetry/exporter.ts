import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-web";

import { inTraceOfAnswer } from "./labels";

const PLACE = "/otlp/v1/traces";
const STOPPED = "telemetry-stopped";
const MOST_FAILURES = 3;
const TOLD: ExportResult = { code: ExportResultCode.SUCCESS };
const LOST: ExportResult = { code: ExportResultCode.FAILED };

/** For as long as the browser's tab: whoever said that nobody listens is not asked again on each page. */
export function hasStopped(): boolean {
  return sessionStorage.getItem(STOPPED) !== null;
}

/** Sends to the page's own origin. Where nobody listens, or too many speak, it stops for good. */
export class Exporter implements SpanExporter {
  private readonly onStop: () => void;
  private failures = 0;

  constructor(onStop: () => void) {
    this.onStop = onStop;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.send(spans).then(done, () => { done(LOST); });
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }

  private async send(spans: ReadableSpan[]): Promise<ExportResult> {
    if (hasStopped()) return LOST;
    const body = JsonTraceSerializer.serializeRequest(spans.map(inTraceOfAnswer));
    if (!body) return LOST;
    const status = await post(body as Uint8Array<ArrayBuffer>);
    this.failures = status < 400 ? 0 : this.failures + 1;
    if ((status >= 400 && status < 500) || this.failures >= MOST_FAILURES) this.stop();
    return status < 400 ? TOLD : LOST;
  }

  private stop(): void {
    sessionStorage.setItem(STOPPED, "1");
    this.onStop();
  }
}

/** The status of the answer; that of a gateway that had none where nobody answered. */
async function post(body: Uint8Array<ArrayBuffer>): Promise<number> {
  try {
    // It may outlive the page, and carries nothing that says who is logged in.
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body, keepalive: true, credentials: "omit" } as const;
    return (await fetch(PLACE, init)).status;
  } catch {
    return 504;
  }
}
