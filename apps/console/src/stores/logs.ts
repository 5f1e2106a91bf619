import { askJson, askText, Trouble } from "../ask.ts";
import type { Config } from "../config.ts";
import type { Window } from "../time/range.ts";

/** A line of a log, whichever store it comes from. */
export interface LogLine {
  /** Milliseconds. */
  at: number;
  service: string;
  severity: string;
  message: string;
  traceId: string;
  /** Everything else that the store knows of it. */
  fields: Record<string, string>;
}

export interface LogQuestion {
  text: string;
  service: string;
  /** Least number of OpenTelemetry's scale: 9 information, 13 warning, 17 error; 0 is any. */
  severity: number;
  traceId: string;
}

export const SEVERITIES: readonly (readonly [number, string])[] = [
  [0, "any severity"],
  [9, "information and above"],
  [13, "warnings and above"],
  [17, "errors only"],
];

export interface LogStore {
  name: string;
  /** The question in the store's own language. */
  written: (question: LogQuestion) => string;
  lines: (query: string, window: Window, most: number, signal?: AbortSignal) => Promise<LogLine[]>;
  services: (window: Window, signal?: AbortSignal) => Promise<string[]>;
}

export function logStore({ log_store, endpoints }: Config): LogStore {
  return log_store === "loki" ? loki(endpoints.loki) : victoriaLogs(endpoints.logs);
}

const quoted = (text: string): string => JSON.stringify(text);

/** Not every line that names a severity gives its number, too. */
function worded(least: number, start = ""): string {
  const names = [...(least <= 9 ? ["info"] : []), ...(least <= 13 ? ["warn"] : []), "err", "fatal", "crit"];
  return `(?i)${start}(${names.join("|")})`;
}

export function victoriaLogs(base: string): LogStore {
  const name = "VictoriaLogs";
  const times = ({ start, end }: Window): Record<string, string> => ({
    start: new Date(start).toISOString(),
    end: new Date(end).toISOString(),
  });
  return {
    name,
    written: ({ text, service, severity, traceId }) =>
      [
        service && `"service.name":=${quoted(service)}`,
        traceId && `trace_id:=${quoted(traceId)}`,
        severity && `(severity_number:>=${severity} or severity_text:~${quoted(worded(severity, "^"))})`,
        text && `i(${quoted(text)})`,
      ]
        .filter(Boolean)
        .join(" ") || "*",
    async lines(query, window, most, signal) {
      const parameters = new URLSearchParams({ query, limit: String(most), ...times(window) });
      return fromVictoriaLogs(await askText(name, `${base}/select/logsql/query?${parameters.toString()}`, signal));
    },
    async services(window, signal) {
      const parameters = new URLSearchParams({ query: "*", field: "service.name", limit: "100", ...times(window) });
      const { values = [] } = (await askJson(name, `${base}/select/logsql/field_values?${parameters.toString()}`, signal)) as {
        values?: { value: string }[];
      };
      return values
        .map(({ value }) => value)
        .filter(Boolean)
        .sort();
    },
  };
}

/** One object a line; the store's own fields begin with an underscore. */
export function fromVictoriaLogs(text: string): LogLine[] {
  const lines = text.split("\n").filter((line) => line.trim());
  return newestFirst(
    lines.map((line) => {
      const { _msg = "", _time = "", _stream, _stream_id, ...fields } = parsed(line);
      return lineOf(Date.parse(_time), _msg, fields);
    }),
  );
}

function parsed(line: string): Record<string, string> {
  try {
    return JSON.parse(line) as Record<string, string>;
  } catch {
    throw new Trouble("VictoriaLogs answered something else than lines of JSON");
  }
}

export function loki(base: string): LogStore {
  const name = "Loki";
  // Its own paths begin with /loki: that is what the edge hands over.
  const api = `${base}/api/v1`;
  const times = ({ start, end }: Window): Record<string, string> => ({
    start: `${Math.round(start)}000000`,
    end: `${Math.round(end)}000000`,
  });
  return {
    name,
    written: ({ text, service, severity, traceId }) =>
      [
        service ? `{service_name=${quoted(service)}}` : '{service_name=~".+"}',
        text && `|~ ${quoted(`(?i)${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`)}`,
        traceId && `| trace_id=${quoted(traceId)}`,
        severity && `| severity_number>=${severity} or severity_text=~${quoted(`${worded(severity)}.*`)}`,
      ]
        .filter(Boolean)
        .join(" "),
    async lines(query, window, most, signal) {
      const parameters = new URLSearchParams({ query, limit: String(most), direction: "backward", ...times(window) });
      return fromLoki(await askJson(name, `${api}/query_range?${parameters.toString()}`, signal));
    },
    async services(window, signal) {
      const parameters = new URLSearchParams(times(window));
      const { data = [] } = (await askJson(name, `${api}/label/service_name/values?${parameters.toString()}`, signal)) as {
        data?: string[];
      };
      return data.sort();
    },
  };
}

/** Lines come in streams; what a line knows beyond its stream's labels is merged into them by Loki. */
export function fromLoki(answer: unknown): LogLine[] {
  const { data } = answer as { data?: { result?: { stream: Record<string, string>; values: [string, string][] }[] } };
  return newestFirst(
    (data?.result ?? []).flatMap(({ stream, values }) => values.map(([at, message]) => lineOf(Number(at) / 1e6, message, stream))),
  );
}

function lineOf(at: number, message: string, fields: Record<string, string>): LogLine {
  const { trace_id: traceId = "", severity_text, severity, detected_level, ...rest } = fields;
  return {
    at,
    message,
    traceId: /^0*$/.test(traceId) ? "" : traceId,
    service: rest["service.name"] ?? rest.service_name ?? "",
    severity: (severity_text ?? severity ?? detected_level ?? "").toUpperCase(),
    fields: rest,
  };
}

const newestFirst = (lines: LogLine[]): LogLine[] => lines.sort((a, b) => b.at - a.at);
