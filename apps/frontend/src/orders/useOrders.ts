import { useCallback, useEffect, useRef, useState } from "react";

import type { Problem } from "../api/problem";
import type { Order } from "./order";
import { type Watch, watchOrders } from "./watch";

interface State {
  /** null until the service has answered once. */
  listed: Order[] | null;
  /** Placed here, not yet seen in a list: a list asked for earlier may arrive later. */
  placed: Order[];
  problem: Problem | null;
  /** What happened last, for those who hear the page. */
  announcement: string;
}

export interface Orders {
  orders: Order[] | null;
  problem: Problem | null;
  announcement: string;
  add: (order: Order) => void;
}

const NOTHING: State = { listed: null, placed: [], problem: null, announcement: "" };

export function useOrders(token: string, onExpired: () => void): Orders {
  const [state, setState] = useState(NOTHING);
  const watch = useRef<Watch | null>(null);

  useEffect(() => {
    const watching = watchOrders(
      token,
      (orders) => {
        setState((before) => withList(before, orders));
      },
      (problem) => {
        if (problem.status === 401) onExpired();
        else setState((before) => ({ ...before, problem }));
      },
    );
    watch.current = watching;
    return watching.stop;
  }, [token, onExpired]);

  const add = useCallback((order: Order) => {
    setState((before) => withPlaced(before, order));
    watch.current?.refresh();
  }, []);

  return { orders: state.listed && newestFirst([...state.placed, ...state.listed]), problem: state.problem, announcement: state.announcement, add };
}

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

function newestFirst(orders: Order[]): Order[] {
  return orders.toSorted((one, other) => Date.parse(other.created_at) - Date.parse(one.created_at));
}
