/** A span of time as the URL says it: `now`, `now-15m`, or milliseconds since 1970. */
export interface Range {
  from: string;
  to: string;
}

/** The same in milliseconds, at one moment. */
export interface Window {
  start: number;
  end: number;
}

export const DEFAULT_RANGE: Range = { from: "now-1h", to: "now" };
export const DEFAULT_REFRESH = "15s";

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };
const MINIMUM_MS = 10_000;

export function seconds(duration: string): number | undefined {
  const found = /^(\d+)([smhdw])$/.exec(duration);
  return found ? Number(found[1]) * (SECONDS[found[2] ?? ""] ?? 0) : undefined;
}

function moment(text: string, now: number): number | undefined {
  if (text === "now") return now;
  if (text.startsWith("now-")) {
    const back = seconds(text.slice(4));
    return back === undefined ? undefined : now - back * 1000;
  }
  const value = /^\d{9,}$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(value) ? value : undefined;
}

export function rangeOf(parameters: URLSearchParams): Range {
  const range = { from: parameters.get("from") ?? DEFAULT_RANGE.from, to: parameters.get("to") ?? DEFAULT_RANGE.to };
  return isRight(range) ? range : DEFAULT_RANGE;
}

export function isRight({ from, to }: Range): boolean {
  const now = Date.now();
  const [start, end] = [moment(from, now), moment(to, now)];
  return start !== undefined && end !== undefined && start < end;
}

export function windowOf({ from, to }: Range, now: number = Date.now()): Window {
  const end = moment(to, now) ?? now;
  const start = moment(from, now) ?? end - 3_600_000;
  return { start: Math.min(start, end - MINIMUM_MS), end };
}

/** A range that stands still, as a drag over a chart gives it. */
export function fixed(start: number, end: number): Range {
  return { from: String(Math.round(start)), to: String(Math.round(Math.max(end, start + MINIMUM_MS))) };
}

/** Each time twice as long, around the same middle; never beyond now. */
export function wider(window: Window, now: number = Date.now()): Range {
  const half = window.end - window.start;
  const middle = (window.start + window.end) / 2;
  const end = Math.min(middle + half, now);
  return fixed(end - 2 * half, end);
}

/** Milliseconds between two reloads; 0 is never, and a range that does not end now needs none. */
export function refreshOf(parameters: URLSearchParams): number {
  if ((parameters.get("to") ?? "now") !== "now") return 0;
  return (seconds(parameters.get("refresh") ?? DEFAULT_REFRESH) ?? 0) * 1000;
}

// Samples come every 15 seconds: a rate needs several of them.
const SHORTEST_RATE = 60;
const POINTS = 240;

/** Seconds between two points of a chart, rounded to what divides a minute, an hour or a day. */
export function stepOf({ start, end }: Window): number {
  const wanted = (end - start) / 1000 / POINTS;
  return [5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600, 86400].find((step) => step >= wanted) ?? 86400;
}

/** What `$interval` in a query becomes: long enough for a rate, and no sample falls between two points. */
export function rateInterval(step: number): string {
  return `${Math.max(SHORTEST_RATE, 4 * step)}s`;
}
