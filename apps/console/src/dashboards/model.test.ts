import { expect, test } from "vitest";

import { UNITS } from "../format.ts";
import { mistakes } from "../test/logql.ts";
import orders from "../../../orders/observe/dashboards/orders.yml";
import { completed, dashboards, seriesName, type Written } from "./model.ts";

const DASHBOARDS = dashboards([completed("orders", orders as Written)]);

const PANELS = DASHBOARDS.flatMap(({ name, rows }) =>
  rows.flatMap(({ panels }) => panels.map((panel) => ({ ...panel, id: `${name}: ${panel.title}` }))),
);

test("the release comes first, and the application's own stand before databases and host", () => {
  expect(DASHBOARDS.map(({ name }) => name)).toEqual(["release", "edge-and-api", "orders", "databases", "host"]);
});

test.each(PANELS)("$id is written as the console can show it", (panel) => {
  expect(["graph", "stat", "table", "logs"]).toContain(panel.kind);
  expect(UNITS).toContain(panel.unit);
  expect(panel.about).toMatch(/[.:]$/);
  expect(panel.kind === "logs").toBe(panel.logs !== undefined);
  expect(panel.queries.length > 0).toBe(panel.kind !== "logs");
  expect(mistakes(panel.logs?.logql ?? '{a="b"}')).toEqual([]);
});

test("each row fills whole lines of 24 columns", () => {
  for (const row of DASHBOARDS.flatMap(({ rows }) => rows)) {
    expect([row.title, row.panels.reduce((sum, { width }) => sum + width, 0) % 24]).toEqual([row.title, 0]);
  }
});

test("a dashboard names each of its panels once", () => {
  for (const { rows } of DASHBOARDS) {
    const titles = rows.flatMap(({ panels }) => panels.map(({ title }) => title));
    expect(new Set(titles).size).toBe(titles.length);
  }
});

test("a series is called by its legend, or by all of its labels", () => {
  expect(seriesName("{{colour}} p99", { colour: "blue" })).toBe("blue p99");
  expect(seriesName("{{colour}}", {})).toBe("none");
  expect(seriesName("", { __name__: "up", job: "edge" })).toBe("job=edge");
});
