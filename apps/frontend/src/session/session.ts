export interface Session {
  email: string;
  token: string;
  expiresAt: number;
  /** Gives another token, once. Releases before did not give any. */
  refreshToken?: string | undefined;
  refreshExpiresAt?: number | undefined;
}

const KEY = "echobase-session";
const MARGIN_MS = 60_000;

export function storedSession(now = Date.now()): Session | null {
  const stored = sessionStorage.getItem(KEY);
  const session = stored ? (JSON.parse(stored) as Session) : null;
  return session && endOf(session) > now ? session : null;
}

function endOf({ expiresAt, refreshToken, refreshExpiresAt = 0 }: Session): number {
  return refreshToken ? Math.max(expiresAt, refreshExpiresAt) : expiresAt;
}

/** How long to wait before the token is exchanged: until a minute before it expires, or half of what is left. */
export function pauseBeforeRefresh({ expiresAt }: Session, now = Date.now()): number {
  const left = Math.max(0, expiresAt - now);
  return left > 2 * MARGIN_MS ? left - MARGIN_MS : left / 2;
}

export function storeSession(session: Session | null): void {
  if (session) sessionStorage.setItem(KEY, JSON.stringify(session));
  else sessionStorage.removeItem(KEY);
}
