import type { EChartsCoreOption } from "echarts/core";

import { clock, shown, type Unit } from "../format.ts";
import type { Event, Exemplar } from "../stores/prometheus.ts";
import type { Window } from "../time/range.ts";
import type { Line } from "./lines.ts";

export interface Picture {
  lines: Line[];
  window: Window;
  unit: Unit;
  stack: boolean;
  max?: number | undefined;
  events: Event[];
  dots: Exemplar[];
  /** Of the chart, in pixels. */
  width?: number;
}

const DAY_MS = 86_400_000;

/** What ECharts is told to draw: lines, a vertical line for each event, and a dot for each exemplar. */
export function optionOf({ lines, window, unit, stack, max, events, dots, width = USUAL_WIDTH }: Picture, isDark: boolean): EChartsCoreOption {
  const text = isDark ? "#9fb0bf" : "#5b6873";
  const grid = isDark ? "#26323d" : "#e3e8ec";
  const isLong = window.end - window.start > 2 * DAY_MS;
  const within = events.filter(({ at }) => at >= window.start && at <= window.end).sort((a, b) => a.at - b.at);
  const labelMs = ((window.end - window.start) * LABEL_WIDTH) / width;
  return {
    animation: false,
    grid: { top: within.length > 0 ? 18 : 8, right: 8, bottom: 0, left: 0, containLabel: true },
    xAxis: {
      type: "time",
      min: window.start,
      max: window.end,
      axisLabel: {
        color: text,
        fontSize: 10,
        hideOverlap: true,
        formatter: (at: number) => (isLong ? clock(at, 0).slice(5, 16) : clock(at, at).slice(0, 5)),
      },
      axisLine: { lineStyle: { color: grid } },
      splitLine: { show: false },
    },
    yAxis: {
      type: "value",
      min: (range: { min: number }) => Math.min(0, range.min),
      ...(max === undefined ? { splitNumber: 3 } : { max, interval: max / 4 }),
      ...(unit.startsWith("bytes") ? inPowersOfTwo(lines) : {}),
      axisLabel: { color: text, fontSize: 10, formatter: (value: number) => shown(value, unit) },
      splitLine: { lineStyle: { color: grid } },
    },
    tooltip: {
      trigger: "axis",
      confine: false,
      appendToBody: true,
      className: "tip",
      transitionDuration: 0,
      axisPointer: { type: "line", lineStyle: { color: text } },
      // An element, not text: styles within text would be refused by the content security policy.
      formatter: (items: unknown) => tip(items as TipItem[], unit, within, labelMs),
    },
    toolbox: { show: true, itemSize: 0, feature: { dataZoom: { yAxisIndex: "none", icon: { zoom: "path://M0", back: "path://M0" } } } },
    series: [
      ...lines.map((line, index) => ({
        type: "line",
        id: `line ${index}`,
        name: line.name,
        data: line.points,
        color: line.colour,
        showSymbol: line.points.length < 3,
        symbolSize: 3,
        ...(stack ? { stack: "all", areaStyle: { opacity: 0.35 } } : {}),
        lineStyle: { width: 1.5, type: line.isDashed ? "dashed" : "solid" },
        emphasis: { disabled: true },
        ...(index === 0 ? { markLine: marks(groupsOf(within, labelMs), text) } : {}),
      })),
      {
        type: "scatter",
        id: "dots",
        name: DOTS,
        data: dots.map(({ at, value, traceId }) => ({ value: [at, value], traceId })),
        symbol: "diamond",
        symbolSize: 8,
        itemStyle: { color: "#f2a33a", opacity: 0.8, borderColor: isDark ? "#10161c" : "#fff", borderWidth: 0.5 },
        emphasis: { scale: 1.6 },
        cursor: "pointer",
        z: 5,
      },
    ],
  };
}

const DOTS = "trace";

/** Steps of an axis of bytes: otherwise it would show 2.79 GiB. */
function inPowersOfTwo(lines: Line[]): { interval: number; max: number } {
  const most = Math.max(1, ...lines.flatMap(({ points }) => points.map(([, value]) => value ?? 0)));
  const interval = 2 ** Math.ceil(Math.log2(most / 4));
  return { interval, max: interval * Math.ceil(most / interval) };
}

/** "rolled_back green" in the labels' size, with some room. */
const LABEL_WIDTH = 96;
const USUAL_WIDTH = 480;

/** Events whose labels would lie over each other. They have to be in order. */
export function groupsOf(events: Event[], labelMs: number): Event[][] {
  const groups: Event[][] = [];
  for (const event of events) {
    const group = groups.at(-1);
    if (group?.[0] && event.at - group[0].at < labelMs) group.push(event);
    else groups.push([event]);
  }
  return groups;
}

function marks(groups: Event[][], colour: string): object {
  return {
    silent: true,
    symbol: "none",
    lineStyle: { color: colour, type: "dashed", width: 1 },
    label: { color: colour, fontSize: 10, position: "end", formatter: ({ name }: { name: string }) => name },
    // A line for each, a label for each group; whose they are says what is under the mouse.
    data: groups.flatMap((group) => group.map((event, index) => ({ xAxis: event.at, name: index > 0 ? "" : labelOf(group), label: { distance: 2 } }))),
  };
}

function labelOf(group: Event[]): string {
  const [{ name, colour } = { name: "", colour: "" }] = group;
  if (group.length > 1) return `${group.length} events`;
  return colour ? `${name} ${colour}` : name;
}

interface TipItem {
  seriesName: string;
  value: [number, number | null];
  color: string;
  axisValue: number;
}

const MOST_IN_TIP = 14;

export function tip(items: TipItem[], unit: Unit, events: Event[], nearMs = 0): HTMLElement {
  const box = document.createElement("div");
  const at = items[0]?.axisValue ?? 0;
  add(box, "strong", clock(at));
  const shownItems = items
    .filter(({ seriesName, value }) => seriesName !== DOTS && typeof value[1] === "number")
    .sort((a, b) => (b.value[1] ?? 0) - (a.value[1] ?? 0));
  for (const item of shownItems.slice(0, MOST_IN_TIP)) {
    const row = add(box, "div", "");
    add(row, "i", "").style.background = item.color;
    add(row, "span", item.seriesName);
    add(row, "b", shown(item.value[1] ?? 0, unit));
  }
  if (shownItems.length > MOST_IN_TIP) add(box, "div", `and ${shownItems.length - MOST_IN_TIP} more`);
  const traces = items.filter(({ seriesName }) => seriesName === DOTS);
  for (const item of traces.slice(0, 3)) add(box, "div", `◆ trace of ${shown(item.value[1] ?? 0, unit)}: click`);
  for (const event of events.filter((one) => Math.abs(one.at - at) < Math.max(NEAR_MS, nearMs)))
    add(box, "div", `⚑ ${clock(event.at)} ${event.name} ${event.colour} ${event.release}`);
  return box;
}

const NEAR_MS = 30_000;

function add(parent: HTMLElement, tag: string, text: string): HTMLElement {
  const child = document.createElement(tag);
  child.textContent = text;
  parent.append(child);
  return child;
}
