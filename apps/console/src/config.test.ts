import { expect, test } from "vitest";

import { completed } from "./config.ts";

test("what the file leaves out has a default", () => {
  expect(completed({ environment: "ci", log_store: "loki", endpoints: { runbooks: "/r/" } })).toEqual({
    environment: "ci",
    log_store: "loki",
    dashboards: [],
    endpoints: { prometheus: "/prometheus", jaeger: "/jaeger", logs: "/logs", loki: "/loki", runbooks: "/r/" },
  });
});

test("what the application brings is completed as the console's own", () => {
  const written = { name: "shop", title: "Shop", about: "Carts.", rows: [{ title: "Now", panels: [{ title: "Carts", about: "Open ones." }] }] };
  expect(completed({ dashboards: [written] }).dashboards[0]?.rows[0]?.panels[0]).toMatchObject({ kind: "graph", width: 8 });
});

test("a log store that nobody knows is refused", () => {
  expect(() => completed({ log_store: "tape" })).toThrow('unknown log_store "tape"');
});
