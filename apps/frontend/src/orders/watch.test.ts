import { beforeEach, expect, test, vi } from "vitest";

import { order } from "../test/orders";
import { inTurn, problem, service } from "../test/service";
import { watchOrders } from "./watch";

beforeEach(() => {
  vi.useFakeTimers();
});

test("watches until the order is processed, then rests", async () => {
  const list = (status: "accepted" | "processed") => () => Response.json([order("1", { status })]);
  const requests = service(inTurn(list("accepted"), list("accepted"), list("processed")));
  const onOrders = vi.fn();
  const watch = watchOrders("t", onOrders, vi.fn());
  await vi.advanceTimersByTimeAsync(10_000);
  expect(requests).toHaveLength(3);
  expect(onOrders).toHaveBeenLastCalledWith([order("1", { status: "processed" })]);
  watch.stop();
});

test("goes on after a problem", async () => {
  service(inTurn(() => problem(503), () => Response.json([])));
  const onOrders = vi.fn();
  const onProblem = vi.fn();
  const watch = watchOrders("t", onOrders, onProblem);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(onProblem).toHaveBeenCalledOnce();
  expect(onOrders).toHaveBeenCalledOnce();
  watch.stop();
});

test("a refresh during an answer asks once more, not at the same time", async () => {
  const requests = service(() => Response.json([]));
  const watch = watchOrders("t", vi.fn(), vi.fn());
  watch.refresh();
  watch.refresh();
  expect(requests).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(requests).toHaveLength(2);
  watch.stop();
});

test("asks at once when the page is looked at again, and never after the stop", async () => {
  const requests = service(() => Response.json([]));
  const watch = watchOrders("t", vi.fn(), vi.fn());
  await vi.advanceTimersByTimeAsync(0);
  document.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(0);
  expect(requests).toHaveLength(2);
  watch.stop();
  document.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(120_000);
  expect(requests).toHaveLength(2);
});
