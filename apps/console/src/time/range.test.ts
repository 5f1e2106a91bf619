import { expect, test } from "vitest";

import { DEFAULT_RANGE, fixed, rangeOf, rateInterval, refreshOf, stepOf, wider, windowOf } from "./range.ts";

const NOW = Date.parse("2026-11-29T12:00:00Z");
const HOUR = 3_600_000;

test("a range is read from the URL in each of its forms", () => {
  expect(windowOf({ from: "now-15m", to: "now" }, NOW)).toEqual({ start: NOW - HOUR / 4, end: NOW });
  expect(windowOf({ from: String(NOW - HOUR), to: String(NOW) })).toEqual({ start: NOW - HOUR, end: NOW });
  expect(windowOf({ from: "2026-11-29T11:00:00Z", to: "now-30m" }, NOW)).toEqual({ start: NOW - HOUR, end: NOW - HOUR / 2 });
});

test.each(["from=nonsense", "from=now&to=now-1h", "to=12", "from=now-5x"])("%s is no range: the usual one is shown", (search) => {
  expect(rangeOf(new URLSearchParams(search))).toEqual(DEFAULT_RANGE);
});

test("only a range that ends now is asked for again", () => {
  expect(refreshOf(new URLSearchParams("refresh=5s"))).toBe(5000);
  expect(refreshOf(new URLSearchParams("refresh=0s"))).toBe(0);
  expect(refreshOf(new URLSearchParams(`to=${NOW}`))).toBe(0);
});

test("a chart has some hundred points, and a rate covers several samples", () => {
  expect(stepOf({ start: 0, end: HOUR })).toBe(15);
  expect(stepOf({ start: 0, end: 7 * 24 * HOUR })).toBe(3600);
  expect(rateInterval(5)).toBe("60s");
  expect(rateInterval(300)).toBe("1200s");
});

test("a range is never too short to be drawn", () => {
  expect(fixed(NOW, NOW + 5)).toEqual({ from: String(NOW), to: String(NOW + 10_000) });
});

test("twice as long keeps the middle, and ends now at the latest", () => {
  expect(wider({ start: NOW - 3 * HOUR, end: NOW - 2 * HOUR }, NOW)).toEqual(fixed(NOW - 3.5 * HOUR, NOW - 1.5 * HOUR));
  expect(wider({ start: NOW - HOUR, end: NOW }, NOW)).toEqual(fixed(NOW - 2 * HOUR, NOW));
});
