import { ask } from "../api/ask";
import { observeApi } from "../api/release";

export const SERVICES = ["api", "database", "cache"] as const;
export type Service = (typeof SERVICES)[number];
export type State = "healthy" | "unhealthy" | "unknown";

export interface Reading {
  state: State;
  /** Null where nobody said how long it took. */
  milliseconds: number | null;
}

/** What was found out at one moment. */
export interface Sample {
  at: number;
  overall: "ok" | "degraded" | "silent";
  services: Record<Service, Reading>;
}

const ANSWER_DEADLINE_MS = 5_000;
const UNKNOWN: Reading = { state: "unknown", milliseconds: null };

/** Asks once. A service that does not answer is a finding, not an error. */
export async function takeSample(signal: AbortSignal): Promise<Sample> {
  const at = Date.now();
  const began = performance.now();
  try {
    const response = await ask("/health/all", { cache: "no-store", signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_DEADLINE_MS)]) });
    const took = performance.now() - began;
    const { status, services } = (await response.json()) as { status: unknown; services: Partial<Record<Service, unknown>> };
    observeApi(response.headers);
    const timing = timingsOf(response.headers.get("Server-Timing") ?? "");
    return {
      at,
      overall: status === "ok" ? "ok" : "degraded",
      services: {
        api: { state: stateOf(services.api), milliseconds: took },
        database: { state: stateOf(services.database), milliseconds: timing.get("database") ?? null },
        cache: { state: stateOf(services.cache), milliseconds: timing.get("cache") ?? null },
      },
    };
  } catch {
    signal.throwIfAborted();
    return { at, overall: "silent", services: { api: { state: "unhealthy", milliseconds: null }, database: UNKNOWN, cache: UNKNOWN } };
  }
}

function stateOf(value: unknown): State {
  return value === "healthy" || value === "unhealthy" ? value : "unknown";
}

/** Of `database;dur=1.2, cache;dur=0.3`. */
export function timingsOf(header: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const part of header.split(",")) {
    const [, name, milliseconds] = /^\s*([\w-]+)\s*;\s*dur=([\d.]+)/.exec(part) ?? [];
    if (name && milliseconds) found.set(name, Number(milliseconds));
  }
  return found;
}
