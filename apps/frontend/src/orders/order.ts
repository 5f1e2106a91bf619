import { attempt, persist } from "../api/http";
import type { Retry } from "../api/retry";
import type { PendingOrder } from "./pending";

export interface Order {
  id: string;
  item: string;
  quantity: number;
  note: string | null;
  status: "accepted" | "processed" | "failed";
  created_at: string;
  processed_at: string | null;
}

export interface Draft {
  item: string;
  quantity: number;
  note: string;
}

/** The key travels with every attempt, so the service takes the order once however often it arrives. */
export async function placeOrder(token: string, { key, draft }: PendingOrder, onRetry: (retry: Retry) => void): Promise<Order> {
  const body = { item: draft.item, quantity: draft.quantity, ...(draft.note ? { note: draft.note } : {}) };
  const call = { method: "POST", path: "/api/orders", token, body, idempotencyKey: key } as const;
  const { id, status } = await persist<Pick<Order, "id" | "status">>(call, onRetry);
  return { ...draft, note: draft.note || null, id, status, created_at: new Date().toISOString(), processed_at: null };
}

export function listOrders(token: string, signal: AbortSignal): Promise<Order[]> {
  return attempt<Order[]>({ method: "GET", path: "/api/orders", token, signal });
}
