import type { Draft } from "./order";

/** An order on its way: its key is kept, also over a reload or a new login, until the service has said yes or no. */
export interface PendingOrder {
  email: string;
  key: string;
  draft: Draft;
  since?: number;
}

const KEY = "echobase-pending-order";
/** The service knows a key for a day; after that the same key would be another order. */
const KEY_COUNTS_MS = 23 * 3_600_000;

export function pendingOrder(email: string): PendingOrder | null {
  const stored = sessionStorage.getItem(KEY);
  const pending = stored ? (JSON.parse(stored) as PendingOrder) : null;
  const counts = pending !== null && Date.now() - (pending.since ?? Date.now()) < KEY_COUNTS_MS;
  return counts && pending.email === email ? pending : null;
}

/** The same draft again keeps its key; another draft is another order. */
export function rememberPending(email: string, draft: Draft): PendingOrder {
  const earlier = pendingOrder(email);
  if (earlier && sameDraft(earlier.draft, draft)) return earlier;
  const pending = { email, key: crypto.randomUUID(), draft, since: Date.now() };
  sessionStorage.setItem(KEY, JSON.stringify(pending));
  return pending;
}

export function forgetPending(pending: PendingOrder): void {
  if (pendingOrder(pending.email)?.key === pending.key) forgetAnyPending();
}

export function forgetAnyPending(): void {
  sessionStorage.removeItem(KEY);
}

function sameDraft(one: Draft, other: Draft): boolean {
  return one.item === other.item && one.quantity === other.quantity && one.note === other.note;
}
