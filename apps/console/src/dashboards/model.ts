import type { Unit } from "../format.ts";

/** One file of `dashboards/`, or of the application: what the console shows, and Grafana too. */
export interface Dashboard {
  name: string;
  title: string;
  about: string;
  rows: Row[];
}

export interface Row {
  title: string;
  panels: Panel[];
}

export interface Panel {
  title: string;
  kind: "graph" | "stat" | "table" | "logs";
  unit: Unit;
  /** Of 24 columns. */
  width: number;
  about: string;
  queries: Query[];
  logs?: LogQueries;
  /** Selector of a histogram whose exemplars are drawn as dots. */
  exemplars?: string;
  stack: boolean;
  max?: number;
  /** From this value on, a number is shown as a problem. */
  alarm?: number;
  /** What an empty panel says where that is no fault. */
  empty?: string;
}

export interface Query {
  promql: string;
  /** `{{label}}` stands for a label's value. */
  legend: string;
}

export interface LogQueries {
  logsql: string;
  logql: string;
}

export type Written = Omit<Dashboard, "name" | "rows"> & {
  rows: { title: string; panels: (Partial<Panel> & Pick<Panel, "title" | "about">)[] }[];
};

const GRAPH_WIDTH = 8;

/** The file with what it leaves out. */
export function completed(name: string, written: Written): Dashboard {
  const rows = written.rows.map((row) => ({
    title: row.title,
    panels: row.panels.map((panel): Panel => ({ kind: "graph", unit: "count", width: GRAPH_WIDTH, queries: [], stack: false, ...panel })),
  }));
  return { ...written, name, rows };
}

const FIRST = ["release", "edge-and-api"];
const LAST = ["databases", "host"];

const files = import.meta.glob<Written>("../../dashboards/*.yml", { eager: true, import: "default" });

const nameOf = (path: string): string => path.replace(/^.*\//, "").replace(/\.yml$/, "");
const place = (name: string): number =>
  FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length + 1 + LAST.indexOf(name);

const OURS: readonly Dashboard[] = Object.entries(files).map(([path, written]) => completed(nameOf(path), written));

/** The platform's own, and the application's in the middle of them. */
export function dashboards(ofTheApplication: readonly Dashboard[]): Dashboard[] {
  return [...OURS, ...ofTheApplication].sort((a, b) => place(a.name) - place(b.name) || a.name.localeCompare(b.name));
}

/** A series is called by its query's legend, or by all of its labels. */
export function seriesName(legend: string, labels: Record<string, string>): string {
  if (legend) return legend.replace(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? "").trim() || "none";
  const shown = Object.entries(labels).filter(([label]) => label !== "__name__");
  return shown.map(([label, value]) => `${label}=${value}`).join(" ") || (labels.__name__ ?? "value");
}
