import { expect, test } from "vitest";

import { pauseBeforeRefresh, storeSession, storedSession } from "./session";

const SESSION = { email: "ada@example.org", token: "t", expiresAt: 1_000 };

test("a session survives a reload until it expires", () => {
  storeSession(SESSION);
  expect(storedSession(999)).toEqual(SESSION);
  expect(storedSession(1_000)).toBeNull();
});

test("logging out leaves nothing", () => {
  storeSession(SESSION);
  storeSession(null);
  expect(storedSession(0)).toBeNull();
  expect(sessionStorage).toHaveLength(0);
});

test("a session lasts as long as it can be refreshed", () => {
  storeSession({ ...SESSION, refreshToken: "r", refreshExpiresAt: 5_000 });
  expect(storedSession(4_999)).not.toBeNull();
  expect(storedSession(5_000)).toBeNull();
});

test.each([
  [3_600_000, 3_540_000],
  [60_000, 30_000],
  [0, 0],
])("of %i ms that are left, %i pass before it is refreshed", (left, pause) => {
  expect(pauseBeforeRefresh({ ...SESSION, expiresAt: 1_000 + left }, 1_000)).toBe(pause);
});
