import { expect, test, vi } from "vitest";

import { eventsWithin, filled, rangeQuery, thinned, withGaps } from "./prometheus.ts";

test("the interval of a rate follows the step", () => {
  expect(filled("rate(a[$interval]) / rate(b[$interval])", 30)).toBe("rate(a[120s]) / rate(b[120s])");
});

test("a line has a gap where samples are missing, and where a value is no number", () => {
  const values: [number, string][] = [
    [10, "1"],
    [20, "NaN"],
    [50, "2"],
  ];
  expect(withGaps(values, 10)).toEqual([
    [10_000, 1],
    [20_000, null],
    [30_000, null],
    [50_000, 2],
  ]);
});

test("a range is asked for in whole steps", async () => {
  const fetch = vi.fn<(url: string) => Promise<Response>>(() => Promise.resolve(new Response('{"status":"success","data":{"result":[]}}')));
  vi.stubGlobal("fetch", fetch);
  await rangeQuery("/prometheus", "up", { start: 1_000_007_000, end: 1_003_607_000 });
  const asked = new URL(fetch.mock.calls[0]?.[0] ?? "", "http://here").searchParams;
  expect(Object.fromEntries(asked)).toEqual({ query: "up", start: "1000005", end: "1003605", step: "15" });
});

test("of many exemplars the slowest stay, one a trace", () => {
  const all = Array.from({ length: 100 }, (_, index) => ({ traceId: `t${index % 50}`, at: index, value: index }));
  const few = thinned(all, 12);
  expect(few.length).toBeLessThanOrEqual(12);
  expect(few.slice(0, 4).map(({ value }) => value)).toEqual([99, 98, 97, 96]);
  expect(new Set(few.map(({ traceId }) => traceId)).size).toBe(few.length);
});

test("each moment of an event is shown once, if it lies in the window", () => {
  const labels = { event: "promoted", colour: "green", release: "r2" };
  const points: [number, number][] = [
    [50_000, 10],
    [60_000, 55],
    [75_000, 55],
    [90_000, 80],
  ];
  const events = eventsWithin([{ labels, points }], { start: 50_000, end: 100_000 });
  expect(events.map(({ at, name, colour }) => [at, name, colour])).toEqual([
    [55_000, "promoted", "green"],
    [80_000, "promoted", "green"],
  ]);
});
