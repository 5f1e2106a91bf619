import { expect, test } from "vitest";

import { Problem, unanswered } from "./problem";
import { PATIENCE_MS, pauseBeforeRetry } from "./retry";

test("pauses grow up to five seconds", () => {
  const pauses = [1, 2, 3, 4, 5, 9].map((attempt) => pauseBeforeRetry({ attempt, problem: unanswered() }, 0, 0));
  expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
});

test("the service's own wish is heard", () => {
  expect(pauseBeforeRetry({ attempt: 1, problem: new Problem(503, "", [], 8) }, 0, 0)).toBe(8_000);
});

test("clients are spread", () => {
  expect(pauseBeforeRetry({ attempt: 1, problem: unanswered() }, 0, 1)).toBe(625);
});

test("patience ends", () => {
  expect(pauseBeforeRetry({ attempt: 3, problem: unanswered() }, PATIENCE_MS - 1_000, 0)).toBeNull();
});

test("an answer that is final is not asked for again", () => {
  expect(pauseBeforeRetry({ attempt: 1, problem: new Problem(409, "") }, 0, 0)).toBeNull();
});
