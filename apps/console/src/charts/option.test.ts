import { expect, test } from "vitest";

import type { Panel } from "../dashboards/model.ts";
import { last, linesOf } from "./lines.ts";
import { groupsOf, optionOf, tip, type Picture } from "./option.ts";

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

const release = ["deployed", "verified", "promoted"].map((name, index) => ({ at: 5000 + index * 1000, name, colour: "green", release: "r2" }));

test("events within a label's width are lines of their own with one label", () => {
  const [line] = optionOf({ ...picture, events: [...release, { at: 55_000, name: "closed", colour: "", release: "" }], width: 480 }, true)
    .series as { markLine?: { data: { xAxis: number; name: string }[] } }[];
  expect(line?.markLine?.data.map(({ xAxis, name }) => [xAxis, name])).toEqual([
    [5000, "3 events"],
    [6000, ""],
    [7000, ""],
    [55_000, "closed"],
  ]);
});

test.each([
  [2500, [1, 1, 1]],
  [7000, [3]],
])("a group reaches as far as a label of %i ms", (labelMs, sizes) => {
  const far = release.map((event, index) => ({ ...event, at: index * 3000 }));
  expect(groupsOf(far, labelMs).map((group) => group.length)).toEqual(sizes);
});

test("the mouse on a group's label tells each of its events", () => {
  const box = tip([{ seriesName: "x", value: [60_000, 1], color: "#fff", axisValue: 60_000 }], "seconds", release, 60_000);
  expect(box.textContent).toMatch(/deployed green r2.*verified green r2.*promoted green r2/);
  expect(tip([{ seriesName: "x", value: [60_000, 1], color: "#fff", axisValue: 60_000 }], "seconds", release).textContent).not.toContain("deployed");
});

test("what is under the mouse is told as text, never as markup", () => {
  const box = tip([{ seriesName: "<img src=x>", value: [5000, 0.25], color: "#fff", axisValue: 5000 }], "seconds", picture.events);
  expect(box.querySelector("img")).toBeNull();
  expect(box.textContent).toContain("<img src=x>250 ms");
  expect(box.textContent).toContain("promoted green r2");
});
