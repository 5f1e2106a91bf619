import { expect, test } from "vitest";

import { link, parseAddress } from "./address.ts";

test.each([
  ["/console/", "dashboard", ""],
  ["/console/traces", "traces", ""],
  ["/console/trace/4BF92F3577B34DA6A3CE929D0E0E4736", "trace", "4bf92f3577b34da6a3ce929d0e0e4736"],
  ["/console/trace/", "dashboard", ""],
  ["/console/logs", "logs", ""],
  ["/console/alerts", "alerts", ""],
  ["/console/unknown", "dashboard", ""],
])("%s is the view %s", (path, view, id) => {
  expect(parseAddress(path, "")).toMatchObject({ view, id });
});

test("a link takes the time along and nothing else", () => {
  const here = new URLSearchParams("from=now-5m&refresh=5s&q=secret");
  expect(link("", { dashboard: "orders" }, here)).toBe("/console/?from=now-5m&refresh=5s&dashboard=orders");
  expect(link("logs", { trace: "ab", from: "1", to: undefined }, here)).toBe("/console/logs?from=1&refresh=5s&trace=ab");
});
