import { expect, test } from "vitest";

import { storeSession, storedSession } from "./session";

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
