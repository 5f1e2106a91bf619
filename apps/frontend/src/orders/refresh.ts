import type { Problem } from "../api/problem";
import type { Order } from "./order";

const WATCHING_MS = 1_000;
const RESTING_MS = 15_000;
const HIDDEN_MS = 60_000;
const TROUBLED_MS = 5_000;

/** When to ask for the orders again: soon only while somebody sees an unfinished one. */
export function nextRefresh(orders: Order[], visible: boolean, problem: Problem | null): number {
  if (!visible) return HIDDEN_MS;
  if (problem) return Math.max(TROUBLED_MS, (problem.retryAfterSeconds ?? 0) * 1_000);
  return orders.some((order) => order.status === "accepted") ? WATCHING_MS : RESTING_MS;
}
