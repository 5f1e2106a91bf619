export interface Session {
  email: string;
  token: string;
  expiresAt: number;
}

const KEY = "echobase-session";

export function storedSession(now = Date.now()): Session | null {
  const stored = sessionStorage.getItem(KEY);
  const session = stored ? (JSON.parse(stored) as Session) : null;
  return session && session.expiresAt > now ? session : null;
}

export function storeSession(session: Session | null): void {
  if (session) sessionStorage.setItem(KEY, JSON.stringify(session));
  else sessionStorage.removeItem(KEY);
}
