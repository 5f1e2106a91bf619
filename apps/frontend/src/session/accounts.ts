import { attempt, persist } from "../api/http";
import { Problem } from "../api/problem";
import type { Retry } from "../api/retry";
import type { Session } from "./session";

export interface Credentials {
  email: string;
  password: string;
}

interface SessionAnswer {
  token: string;
  expires_at: string;
  refresh_token?: string;
  refresh_expires_at?: string;
}

type OnRetry = (retry: Retry) => void;

export async function logIn(credentials: Credentials, onRetry: OnRetry): Promise<Session> {
  const call = { method: "POST", path: "/api/auth/login", body: credentials } as const;
  return sessionOf(credentials.email, await persist<SessionAnswer>(call, onRetry));
}

/** Another token in the place of the session's. An attempt whose answer got lost has used it up: then the next one is refused. */
export async function refresh({ email, refreshToken }: Session): Promise<Session> {
  const call = { method: "POST", path: "/api/auth/refresh", body: { refresh_token: refreshToken } } as const;
  return sessionOf(email, await persist<SessionAnswer>(call, () => undefined));
}

/** Has the service forget the session. Whoever logs out does not wait for it. */
export async function logOut({ refreshToken }: Session): Promise<void> {
  if (!refreshToken) return;
  const call = { method: "POST", path: "/api/auth/logout", body: { refresh_token: refreshToken } } as const;
  await persist(call, () => undefined).catch(() => undefined);
}

function sessionOf(email: string, answer: SessionAnswer): Session {
  return {
    email,
    token: answer.token,
    expiresAt: Date.parse(answer.expires_at),
    refreshToken: answer.refresh_token,
    refreshExpiresAt: answer.refresh_expires_at ? Date.parse(answer.refresh_expires_at) : undefined,
  };
}

/** Creates the account and logs in. A first attempt whose answer got lost makes the second one find the account taken: then logging in decides. */
export async function register(credentials: Credentials, onRetry: OnRetry): Promise<Session> {
  let retries = 0;
  try {
    await persist({ method: "POST", path: "/api/auth/register", body: credentials }, (retry) => {
      retries += 1;
      onRetry(retry);
    });
  } catch (problem) {
    const maybeOurs = retries > 0 && problem instanceof Problem && problem.status === 409;
    if (!maybeOurs) throw problem;
    return logIn(credentials, onRetry).catch((refused: unknown) => {
      throw refused instanceof Problem && refused.status === 401 ? problem : refused;
    });
  }
  return logIn(credentials, onRetry);
}

/** Learns which colour answers before anyone has logged in; the answer itself does not matter. */
export async function greetApi(): Promise<void> {
  await attempt({ method: "GET", path: "/health" }).catch(() => undefined);
}
