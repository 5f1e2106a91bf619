import { expect, test } from "vitest";

import type { Panel } from "../dashboards/model.ts";
import { last, linesOf } from "./lines.ts";
import { optionOf, tip, type Picture } from "./option.ts";

const latency: Panel = {
  title: "Latency by colour",
  kind: "graph",
  unit: "seconds",
  width: 8,
  about: "",
  stack: false,
  queries: ["p50", "p99"].map((name) => ({ promql: name, legend: `{{colour}} ${name}` })),
};
const series = (colour: string) => ({ labels: { colour }, points: [[1000, 0.5]] as [number, number | null][] });

test("a colour has its own colour on every chart, and its second line is dashed", () => {
  const lines = linesOf(latency, [[series("green"), series("blue")], [series("green")]]);
  expect(lines.map(({ name, isDashed }) => [name, isDashed])).toEqual([
    ["blue p50", false],
    ["green p50", false],
    ["green p99", true],
  ]);
  expect(lines[1]?.colour).toBe(lines[2]?.colour);
  expect(lines[0]?.colour).not.toBe(lines[1]?.colour);
});

test("the newest value is the last that is one", () => {
  expect(
    last([
      [1, 5],
      [2, null],
    ]),
  ).toBe(5);
  expect(last([[1, null]])).toBeUndefined();
});

const picture: Picture = {
  lines: linesOf(latency, [[series("blue")]]),
  window: { start: 0, end: 60_000 },
  unit: "seconds",
  stack: false,
  events: [
    { at: 5000, name: "promoted", colour: "green", release: "r2" },
    { at: 90_000, name: "deployed", colour: "blue", release: "r3" },
  ],
  dots: [{ traceId: "ab", at: 2000, value: 1.5 }],
};

test("events within the window are vertical lines, exemplars are dots that know their trace", () => {
  const [line, dots] = optionOf(picture, true).series as { markLine?: { data: { xAxis: number; name: string }[] }; data: unknown }[];
  expect(line?.markLine?.data).toMatchObject([{ xAxis: 5000, name: "promoted green" }]);
  expect(dots?.data).toEqual([{ value: [2000, 1.5], traceId: "ab" }]);
});

test("what is under the mouse is told as text, never as markup", () => {
  const box = tip([{ seriesName: "<img src=x>", value: [5000, 0.25], color: "#fff", axisValue: 5000 }], "seconds", picture.events);
  expect(box.querySelector("img")).toBeNull();
  expect(box.textContent).toContain("<img src=x>250 ms");
  expect(box.textContent).toContain("promoted green r2");
});
