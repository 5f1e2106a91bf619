import { expect, test } from "vitest";

import { completed } from "./config.ts";

test("what the file leaves out has a default", () => {
  expect(completed({ environment: "ci", log_store: "loki", endpoints: { runbooks: "/r/" } })).toEqual({
    environment: "ci",
    log_store: "loki",
    endpoints: { prometheus: "/prometheus", jaeger: "/jaeger", logs: "/logs", loki: "/loki", runbooks: "/r/" },
  });
});

test("a log store that nobody knows is refused", () => {
  expect(() => completed({ log_store: "tape" })).toThrow('unknown log_store "tape"');
});
