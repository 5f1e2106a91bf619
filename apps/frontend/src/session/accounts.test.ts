import { beforeEach, expect, test, vi } from "vitest";

import { inTurn, problem, service, type Reply } from "../test/service";
import { register } from "./accounts";

const ADA = { email: "ada@example.org", password: "correct horse" };
const created = () => Response.json({ id: "1" }, { status: 201 });
const welcome = () => Response.json({ token: "t", expires_at: "2030-01-01T00:00:00Z" });
const taken = () => problem(409);

beforeEach(() => {
  vi.useFakeTimers();
});

async function registering(registration: () => Reply, login: () => Reply = welcome): Promise<unknown> {
  service(({ path }) => (path.endsWith("register") ? registration() : login()));
  const outcome = register(ADA, vi.fn()).catch((error: unknown) => error);
  await vi.runAllTimersAsync();
  return outcome;
}

test("registering logs in", async () => {
  expect(await registering(created)).toEqual({ email: ADA.email, token: "t", expiresAt: Date.parse("2030-01-01T00:00:00Z") });
});

test("an account of somebody else is refused", async () => {
  expect(await registering(taken)).toMatchObject({ status: 409 });
});

test("an account whose confirmation got lost is ours", async () => {
  expect(await registering(inTurn(() => "silence", taken))).toMatchObject({ token: "t" });
});

test("an account that was taken while we retried is not ours", async () => {
  expect(await registering(inTurn(() => "silence", taken), () => problem(401))).toMatchObject({ status: 409 });
});
