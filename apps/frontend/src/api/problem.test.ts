import { expect, test } from "vitest";

import { Problem, problemOf } from "./problem";

test("problem+json gives words, fields and the time to wait", async () => {
  const body = { title: "Invalid", detail: "Correct the fields.", errors: [{ pointer: "#/quantity", detail: "At least 1." }] };
  const problem = await problemOf(Response.json(body, { status: 422, headers: { "Retry-After": "7" } }));
  expect(problem).toMatchObject({ status: 422, message: "Correct the fields.", retryAfterSeconds: 7 });
  expect(problem.fields).toEqual([{ field: "quantity", message: "At least 1." }]);
});

test("an answer that is no problem+json still becomes a problem", async () => {
  const problem = await problemOf(new Response("<html>", { status: 502 }));
  expect(problem).toMatchObject({ status: 502, message: "The service answered with status 502.", fields: [], retryAfterSeconds: null });
});

test.each([
  [0, true],
  [502, true],
  [503, true],
  [504, true],
  [409, false],
  [429, false],
  [500, false],
])("status %i passes by itself: %s", (status, passes) => {
  expect(new Problem(status, "").isPassing).toBe(passes);
});
