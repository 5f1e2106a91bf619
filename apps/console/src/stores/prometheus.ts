import { askJson, Trouble } from "../ask.ts";
import { rateInterval, stepOf, type Window } from "../time/range.ts";

export type Labels = Record<string, string>;

export interface Series {
  labels: Labels;
  /** Milliseconds and value; a gap is null. */
  points: [number, number | null][];
}

export interface Sample {
  labels: Labels;
  value: number;
}

export interface Exemplar {
  traceId: string;
  at: number;
  value: number;
}

export interface Alert {
  name: string;
  state: string;
  since: number;
  labels: Labels;
  annotations: Labels;
}

const TOOL = "Prometheus";

async function ask(base: string, path: string, parameters: Record<string, string>, signal?: AbortSignal): Promise<unknown> {
  const answer = await askJson(TOOL, `${base}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`, signal);
  const { status, data } = answer as { status?: string; data?: unknown };
  if (status !== "success" || data === undefined) throw new Trouble(`${TOOL} answered something else than data`);
  return data;
}

export const filled = (promql: string, step: number): string => promql.replaceAll("$interval", rateInterval(step));

const inSeconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3);

export async function rangeQuery(base: string, promql: string, window: Window, signal?: AbortSignal): Promise<Series[]> {
  const step = stepOf(window);
  // Points at multiples of the step: otherwise each reload would show slightly other values.
  const start = Math.floor(window.start / 1000 / step) * step;
  const end = Math.floor(window.end / 1000 / step) * step;
  const parameters = { query: filled(promql, step), start: String(start), end: String(Math.max(start, end)), step: String(step) };
  const { result } = (await ask(base, "query_range", parameters, signal)) as { result: { metric: Labels; values: [number, string][] }[] };
  return result.map(({ metric, values }) => ({ labels: metric, points: withGaps(values, step) }));
}

/** Prometheus leaves out what it does not know; a line must not run over that. */
export function withGaps(values: [number, string][], step: number): [number, number | null][] {
  const points: [number, number | null][] = [];
  let before: number | undefined;
  for (const [at, text] of values) {
    if (before !== undefined && at - before > 1.5 * step) points.push([(before + step) * 1000, null]);
    points.push([at * 1000, finite(text)]);
    before = at;
  }
  return points;
}

export async function instantQuery(base: string, promql: string, window: Window, signal?: AbortSignal): Promise<Sample[]> {
  const parameters = { query: filled(promql, 15), time: inSeconds(window.end) };
  const { result } = (await ask(base, "query", parameters, signal)) as { result: { metric: Labels; value: [number, string] }[] };
  return result.flatMap(({ metric, value }) => {
    const number = finite(value[1]);
    return number === null ? [] : [{ labels: metric, value: number }];
  });
}

const finite = (text: string): number | null => (Number.isFinite(Number(text)) ? Number(text) : null);

export async function exemplars(base: string, selector: string, window: Window, signal?: AbortSignal): Promise<Exemplar[]> {
  const parameters = { query: selector, start: inSeconds(window.start), end: inSeconds(window.end) };
  const found = (await ask(base, "query_exemplars", parameters, signal)) as {
    exemplars: { labels: Labels; value: string; timestamp: number }[];
  }[];
  const all = found.flatMap((series) => series.exemplars.flatMap(({ labels, value, timestamp }) => parsed(labels, value, timestamp)));
  return thinned(all, EXEMPLARS);
}

const EXEMPLARS = 150;

function parsed(labels: Labels, value: string, timestamp: number): Exemplar[] {
  const traceId = labels.trace_id ?? labels.traceID ?? "";
  const number = finite(value);
  return traceId && number !== null ? [{ traceId, at: timestamp * 1000, value: number }] : [];
}

/** One for each trace, the slowest of all first, and every n-th of the others: enough to click on. */
export function thinned(all: Exemplar[], most: number): Exemplar[] {
  const slowest = new Map<string, Exemplar>();
  for (const one of all) {
    if (one.value > (slowest.get(one.traceId)?.value ?? -1)) slowest.set(one.traceId, one);
  }
  const sorted = [...slowest.values()].sort((a, b) => b.value - a.value);
  if (sorted.length <= most) return sorted;
  const top = sorted.slice(0, most / 3);
  const rest = sorted.slice(top.length);
  const every = Math.ceil(rest.length / (most - top.length));
  return [...top, ...rest.filter((_, index) => index % every === 0)];
}

export async function firingAlerts(base: string, signal?: AbortSignal): Promise<Alert[]> {
  const { alerts } = (await ask(base, "alerts", {}, signal)) as {
    alerts: { labels: Labels; annotations: Labels; state: string; activeAt: string }[];
  };
  return alerts
    .map(({ labels, annotations, state, activeAt }) => ({
      name: labels.alertname ?? "?",
      state,
      since: Date.parse(activeAt),
      labels,
      annotations,
    }))
    .sort((a, b) => a.state.localeCompare(b.state) || b.since - a.since);
}

export interface Event {
  at: number;
  name: string;
  colour: string;
  release: string;
}

const EVENTS = "max by (event, colour, release) (echobase_release_event_timestamp_seconds)";

/** Each series says when its event was last; what was in the window is what changed to a moment within it. */
export async function releaseEvents(base: string, window: Window, signal?: AbortSignal): Promise<Event[]> {
  return eventsWithin(await rangeQuery(base, EVENTS, window, signal), window);
}

export function eventsWithin(series: Series[], { start, end }: Window): Event[] {
  const seen = new Map<string, Event>();
  for (const { labels, points } of series) {
    const { event: name = "event", colour = "", release = "" } = labels;
    for (const [, value] of points) {
      const at = (value ?? 0) * 1000;
      if (at >= start && at <= end) seen.set([name, colour, release, at].join(" "), { at, name, colour, release });
    }
  }
  return [...seen.values()].sort((a, b) => a.at - b.at);
}
