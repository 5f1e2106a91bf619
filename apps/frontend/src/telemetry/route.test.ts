import { expect, test } from "vitest";

import { routeOf } from "./route";

test.each([
  ["/api/orders", "/api/orders"],
  ["/api/orders?email=anna@example.org", "/api/orders"],
  ["/api/orders#part", "/api/orders"],
  ["/api/orders/7d1f0e0e-1111-4222-8333-444455556666", "/api/orders/{id}"],
  ["/api/orders/7", "/api/orders/{id}"],
  ["/anna@example.org/x", "/{id}/x"],
  ["/release.json", "/release.json"],
  ["/", "/"],
])("%s is told as %s", (path, route) => {
  expect(routeOf(path)).toBe(route);
});
