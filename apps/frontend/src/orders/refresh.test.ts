import { expect, test } from "vitest";

import { Problem, unanswered } from "../api/problem";
import { order } from "../test/orders";
import { nextRefresh } from "./refresh";

const waiting = order("1");
const done = order("2", { status: "processed" });
const failed = order("3", { status: "failed" });

test("every second while somebody watches an unfinished order", () => {
  expect(nextRefresh([done, waiting], true, null)).toBe(1_000);
});

test("rarely when all is finished, more rarely when nobody looks", () => {
  expect(nextRefresh([done, failed], true, null)).toBe(15_000);
  expect(nextRefresh([waiting], false, null)).toBe(60_000);
});

test("gently while the service is in trouble, as gently as it asks", () => {
  expect(nextRefresh([waiting], true, unanswered())).toBe(5_000);
  expect(nextRefresh([waiting], true, new Problem(429, "", [], 30))).toBe(30_000);
});
