import { expect, test } from "vitest";

import { order } from "../test/orders";
import { NOTHING, newestFirst, withList, withPlaced } from "./state";

const ids = (state: typeof NOTHING) => newestFirst(state)?.map(({ id }) => id);

test("nothing is known before the first answer", () => {
  expect(newestFirst(NOTHING)).toBeNull();
  expect(newestFirst(withList(NOTHING, []))).toEqual([]);
});

test("a placed order stays while an earlier list arrives late, and is one row once listed", () => {
  const placed = withPlaced(withList(NOTHING, []), order("new"));
  expect(ids(withList(placed, []))).toEqual(["new"]);
  expect(ids(withList(placed, [order("new")]))).toEqual(["new"]);
  expect(ids(withPlaced(placed, order("new")))).toEqual(["new"]);
});

test("the newest order comes first", () => {
  expect(ids(withList(NOTHING, [order("old"), order("new", { created_at: "2026-02-01T00:00:00Z" })]))).toEqual(["new", "old"]);
});

test("a change of status is announced once", () => {
  const before = withList(NOTHING, [order("1")]);
  expect(before.announcement).toBe("");
  const after = withList(before, [order("1", { status: "processed" })]);
  expect(after.announcement).toBe("Order Item 1 is processed.");
});
