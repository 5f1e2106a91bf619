import { expect, test } from "vitest";

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
