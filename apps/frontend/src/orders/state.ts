import type { Problem } from "../api/problem";
import type { Order } from "./order";

/** What the page knows about the orders of its user. */
export interface State {
  /** null until the service has answered once. */
  listed: Order[] | null;
  /** Placed here, not yet seen in a list: a list asked for earlier may arrive later. */
  placed: Order[];
  problem: Problem | null;
  /** What happened last, for those who hear the page. */
  announcement: string;
}

export const NOTHING: State = { listed: null, placed: [], problem: null, announcement: "" };

export function withList(before: State, listed: Order[]): State {
  const known = new Map([...before.placed, ...(before.listed ?? [])].map((order) => [order.id, order.status]));
  const changed = listed.filter((order) => known.has(order.id) && known.get(order.id) !== order.status);
  const listedIds = new Set(listed.map((order) => order.id));
  return {
    listed,
    placed: before.placed.filter((order) => !listedIds.has(order.id)),
    problem: null,
    announcement: changed.length > 0 ? changed.map((order) => `Order ${order.item} is ${order.status}.`).join(" ") : before.announcement,
  };
}

/** The same order may be placed again by a retry: it stays one row. */
export function withPlaced(before: State, order: Order): State {
  const isKnown = [...before.placed, ...(before.listed ?? [])].some((known) => known.id === order.id);
  return {
    ...before,
    placed: isKnown ? before.placed : [order, ...before.placed],
    announcement: `Order ${order.item} is ${order.status}.`,
  };
}

export function newestFirst({ listed, placed }: State): Order[] | null {
  if (listed === null && placed.length === 0) return null;
  return [...placed, ...(listed ?? [])].sort((one, other) => Date.parse(other.created_at) - Date.parse(one.created_at));
}
