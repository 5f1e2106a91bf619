import { beforeEach, expect, test, vi } from "vitest";

import { inTurn, problem, service } from "../test/service";
import { attempt, persist } from "./http";
import { PATIENCE_MS } from "./retry";

const ORDER = { method: "POST", path: "/api/orders", token: "t", body: { item: "tea" }, idempotencyKey: "one-key" } as const;
const accepted = () => Response.json({ id: "1" }, { status: 202 });

beforeEach(() => {
  vi.useFakeTimers();
});

test("a call carries its token, key and body", async () => {
  const requests = service(accepted);
  await attempt(ORDER);
  expect(requests[0]).toMatchObject({ method: "POST", path: "/api/orders", body: { item: "tea" } });
  expect(requests[0]?.headers.get("Authorization")).toBe("Bearer t");
  expect(requests[0]?.headers.get("Idempotency-Key")).toBe("one-key");
});

test("every attempt of one order carries the same key", async () => {
  const requests = service(inTurn(() => "silence", () => problem(502), () => problem(503), () => problem(504), accepted));
  const onRetry = vi.fn();
  const answer = persist(ORDER, onRetry);
  await vi.runAllTimersAsync();
  await expect(answer).resolves.toEqual({ id: "1" });
  expect(requests.map(({ headers }) => headers.get("Idempotency-Key"))).toEqual(Array(5).fill("one-key"));
  expect(onRetry).toHaveBeenCalledTimes(4);
});

test.each([401, 409, 422, 429, 500])("status %i is not asked for again", async (status) => {
  const requests = service(() => problem(status));
  await expect(persist(ORDER, vi.fn())).rejects.toMatchObject({ status });
  expect(requests).toHaveLength(1);
});

test("patience ends with the last problem", async () => {
  service(() => problem(503, "away"));
  const start = performance.now();
  const answer = persist(ORDER, vi.fn()).catch((error: unknown) => error);
  await vi.runAllTimersAsync();
  await expect(answer).resolves.toMatchObject({ status: 503, message: "away" });
  expect(performance.now() - start).toBeLessThanOrEqual(PATIENCE_MS);
});

test("an abort by the caller stays an abort", async () => {
  service(() => "silence");
  const gone = AbortSignal.abort();
  await expect(attempt({ ...ORDER, signal: gone })).rejects.toBe(gone.reason);
});

test("an answer that breaks off is no answer", async () => {
  service(() => new Response('{"id":', { status: 202 }));
  await expect(attempt(ORDER)).rejects.toMatchObject({ status: 0 });
});
