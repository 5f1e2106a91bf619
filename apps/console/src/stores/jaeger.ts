import { askJson, Trouble } from "../ask.ts";
import type { Window } from "../time/range.ts";

const TOOL = "Jaeger";

/** A line of the list of traces. */
export interface TraceSummary {
  id: string;
  /** Its first span, as far as it is known. */
  service: string;
  name: string;
  /** Milliseconds. */
  start: number;
  seconds: number;
  spans: number;
  errors: number;
  services: string[];
}

export interface TraceQuestion {
  service: string;
  errorsOnly: boolean;
  /** As `100ms`; nothing is any. */
  longerThan: string;
}

/** OTLP, as far as we look at it ourselves. Numbers of 64 bits come as strings. */
export interface OtlpTrace {
  resourceSpans: { resource?: { attributes?: Attribute[] }; scopeSpans: { scope?: { name?: string }; spans: OtlpSpan[] }[] }[];
}

export interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind?: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: Attribute[];
  status?: { code?: number | string; message?: string };
}

export interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

interface Found {
  traceID: string;
  spans: {
    operationName: string;
    references: { refType: string; spanID: string }[];
    startTime: number;
    duration: number;
    tags: { key: string; value: unknown }[];
    processID: string;
  }[];
  processes: Record<string, { serviceName: string }>;
}

const MOST = 50;

export async function services(base: string, signal?: AbortSignal): Promise<string[]> {
  const { services = [] } = (await askJson(TOOL, `${base}/api/v3/services`, signal)) as { services?: string[] };
  return services.sort();
}

/** The newest traces. The search of version 3 does not look at attributes, so "with an error" is asked of the older interface. */
export async function search(
  base: string,
  { service, errorsOnly, longerThan }: TraceQuestion,
  window: Window,
  signal?: AbortSignal,
): Promise<TraceSummary[]> {
  const parameters = new URLSearchParams({
    service,
    start: String(Math.round(window.start * 1000)),
    end: String(Math.round(window.end * 1000)),
    limit: String(MOST),
  });
  if (errorsOnly) parameters.set("tags", JSON.stringify({ error: "true" }));
  if (longerThan) parameters.set("minDuration", longerThan);
  const { data } = (await askJson(TOOL, `${base}/api/traces?${parameters.toString()}`, signal)) as { data: Found[] | null };
  return (data ?? []).map(summary).sort((a, b) => b.start - a.start);
}

export function summary({ traceID, spans, processes }: Found): TraceSummary {
  const serviceOf = (span: Found["spans"][number]): string => processes[span.processID]?.serviceName ?? "?";
  const inOrder = [...spans].sort((a, b) => a.startTime - b.startTime);
  const root = inOrder.find((span) => span.references.every(({ refType }) => refType !== "CHILD_OF")) ?? inOrder[0];
  const start = inOrder[0]?.startTime ?? 0;
  const end = Math.max(start, ...spans.map((span) => span.startTime + span.duration));
  return {
    id: traceID,
    service: root ? serviceOf(root) : "?",
    name: root?.operationName ?? "?",
    start: start / 1000,
    seconds: (end - start) / 1e6,
    spans: spans.length,
    errors: spans.filter(({ tags }) => tags.some(({ key, value }) => key === "error" && String(value) === "true")).length,
    services: [...new Set(inOrder.map(serviceOf))],
  };
}

export const isTraceId = (text: string): boolean => /^[0-9a-f]{16}([0-9a-f]{16})?$/.test(text);

export async function trace(base: string, id: string, signal?: AbortSignal): Promise<OtlpTrace> {
  if (!isTraceId(id)) throw new Trouble(`"${id}" is no trace id: it has 32 characters of 0-9 and a-f`);
  const answer = (await askJson(TOOL, `${base}/api/v3/traces/${id}`, signal).catch((error: unknown) => {
    if (error instanceof Trouble && error.message.includes("No traces found"))
      throw new Trouble(`No trace ${id}: not sampled, not here yet, or older than what is kept`);
    throw error;
  })) as { result?: OtlpTrace };
  if (!answer.result?.resourceSpans.length) throw new Trouble(`No trace ${id}: not sampled, not here yet, or older than what is kept`);
  return withIds(answer.result);
}

/** Jaeger leaves out what is empty; the waterfall wants a parent to be absent, and the code of a status as a word. */
export function withIds(trace: OtlpTrace): OtlpTrace {
  const CODES = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
  const span = (one: OtlpSpan): OtlpSpan => {
    const { parentSpanId, status, ...rest } = one;
    const code = typeof status?.code === "number" ? CODES[status.code] : status?.code;
    return {
      ...rest,
      ...(parentSpanId && !/^0+$/.test(parentSpanId) ? { parentSpanId } : {}),
      status: { ...status, ...(code ? { code } : {}) },
    };
  };
  return {
    resourceSpans: trace.resourceSpans.map((resource) => ({
      ...resource,
      scopeSpans: resource.scopeSpans.map((scope) => ({ ...scope, spans: scope.spans.map(span) })),
    })),
  };
}

export interface TraceFacts {
  window: Window;
  spans: number;
  errors: string[];
  services: string[];
}

/** What stands above a waterfall. */
export function facts(trace: OtlpTrace): TraceFacts {
  const all = trace.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ span, service: serviceName(resource) }))),
  );
  all.sort((a, b) => Number(a.span.startTimeUnixNano) - Number(b.span.startTimeUnixNano));
  const starts = all.map(({ span }) => Number(span.startTimeUnixNano) / 1e6);
  const ends = all.map(({ span }) => Number(span.endTimeUnixNano) / 1e6);
  return {
    window: { start: Math.min(...starts), end: Math.max(...ends) },
    spans: all.length,
    errors: all
      .filter(({ span }) => span.status?.code === "STATUS_CODE_ERROR")
      .map(({ span, service }) => `${service}: ${span.name}${span.status?.message ? ` – ${span.status.message}` : ""}`),
    services: [...new Set(all.map(({ service }) => service))],
  };
}

function serviceName(resource?: { attributes?: Attribute[] }): string {
  const value = resource?.attributes?.find(({ key }) => key === "service.name")?.value.stringValue;
  return typeof value === "string" ? value : "?";
}
