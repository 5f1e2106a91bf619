import { expect, test, vi } from "vitest";

import { forgetPending, pendingOrder, rememberPending } from "./pending";

const TEA = { item: "Tea", quantity: 2, note: "" };

test("the same draft keeps its key, so it is the same order", () => {
  expect(rememberPending("ada", TEA).key).toBe(rememberPending("ada", { ...TEA }).key);
});

test("another draft is another order", () => {
  expect(rememberPending("ada", TEA).key).not.toBe(rememberPending("ada", { ...TEA, quantity: 3 }).key);
});

test("once settled, the same draft is a new order", () => {
  const first = rememberPending("ada", TEA);
  forgetPending(first);
  expect(pendingOrder("ada")).toBeNull();
  expect(rememberPending("ada", TEA).key).not.toBe(first.key);
});

test("nobody sees the draft of somebody else, nor settles it", () => {
  const adas = rememberPending("ada", TEA);
  expect(pendingOrder("bob")).toBeNull();
  const bobs = rememberPending("bob", TEA);
  forgetPending(adas);
  expect(pendingOrder("bob")).toEqual(bobs);
});

test("an order is no longer pending when its key would be another order", () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const { key } = rememberPending("ada", TEA);
  vi.setSystemTime(Date.now() + 22 * 3_600_000);
  expect(pendingOrder("ada")?.key).toBe(key);
  vi.setSystemTime(Date.now() + 2 * 3_600_000);
  expect(pendingOrder("ada")).toBeNull();
  vi.useRealTimers();
});
