import { attempt, persist } from "../api/http";
import { Problem } from "../api/problem";
import type { Retry } from "../api/retry";
import type { Session } from "./session";

export interface Credentials {
  email: string;
  password: string;
}

type OnRetry = (retry: Retry) => void;

export async function logIn(credentials: Credentials, onRetry: OnRetry): Promise<Session> {
  const call = { method: "POST", path: "/api/auth/login", body: credentials } as const;
  const { token, expires_at } = await persist<{ token: string; expires_at: string }>(call, onRetry);
  return { email: credentials.email, token, expiresAt: Date.parse(expires_at) };
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
