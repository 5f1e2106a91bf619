import type { Order } from "../orders/order";

export function order(id: string, more: Partial<Order> = {}): Order {
  return { id, item: `Item ${id}`, quantity: 1, note: null, status: "accepted", created_at: "2026-01-01T00:00:00Z", processed_at: null, ...more };
}
