import { expect, test } from "vitest";

import { clock, shown } from "./format.ts";

test.each([
  [0, "seconds", "0 s"],
  [0.000042, "seconds", "42 µs"],
  [0.01234, "seconds", "12.3 ms"],
  [59.96, "seconds", "60 s"],
  [150, "seconds", "2.5 min"],
  [90_000, "seconds", "25 h"],
  [1536, "bytes", "1.5 KiB"],
  [3.1e9, "bytes", "2.89 GiB"],
  [0.0246, "ratio", "2.46 %"],
  [100, "percent", "100 %"],
  [12_345.6, "count", "12,346"],
  [0.0001, "per_second", "<0.001/s"],
  [-0.2, "count", "-0.2"],
] as const)("%d %s is shown as %s", (value, unit, text) => {
  expect(shown(value, unit)).toBe(text);
});

test("a time of another day says which", () => {
  const at = new Date(2026, 10, 29, 3, 4, 5).getTime();
  expect(clock(at, at)).toBe("03:04:05");
  expect(clock(at, at + 86_400_000)).toBe("2026-11-29 03:04:05");
});
