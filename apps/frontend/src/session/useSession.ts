import { useCallback, useEffect, useRef, useState } from "react";

import { Problem } from "../api/problem";
import { logOut, refresh } from "./accounts";
import { type Session, pauseBeforeRefresh, storeSession, storedSession } from "./session";

const EXPIRED = "Your session has expired. Please log in again.";

export type Renew = (refused: string) => Promise<string | null>;

export interface HeldSession {
  session: Session | null;
  notice: string;
  enter: (session: Session) => void;
  leave: () => void;
  /** Another token in the place of one that the service no longer takes; null when there is none to be had. */
  renew: Renew;
}

/** Holds the session, and exchanges its token in time, so that nobody logs in again in the middle of something. */
export function useSession(onChange: () => void): HeldSession {
  const [session, setSession] = useState<Session | null>(() => storedSession());
  const [notice, setNotice] = useState("");
  const [attempts, setAttempts] = useState(0);
  const renewing = useRef<Promise<string | null> | null>(null);

  const change = useCallback(
    (next: Session | null, why = "") => {
      storeSession(next);
      setSession(next);
      setNotice(why);
      onChange();
    },
    [onChange],
  );

  const renew = useCallback<Renew>((refused) => {
    const held = storedSession();
    // Whoever was refused with a token that was exchanged meanwhile has the next one at once.
    if (held && held.token !== refused) return Promise.resolve(held.token);
    // A token may be exchanged once, so whoever comes meanwhile waits for the same answer.
    renewing.current ??= exchange(held, change, setSession).finally(() => {
      renewing.current = null;
      setAttempts((before) => before + 1);
    });
    return renewing.current;
  }, [change]);

  useEffect(() => {
    if (!session?.refreshToken) return undefined;
    const timer = setTimeout(() => void renew(session.token), pauseBeforeRefresh(session));
    return () => {
      clearTimeout(timer);
    };
  }, [session, attempts, renew]);

  const leave = useCallback(() => {
    const left = storedSession();
    change(null);
    if (left) void logOut(left);
  }, [change]);

  return { session, notice, enter: change, leave, renew };
}

async function exchange(
  session: Session | null,
  change: (next: Session | null, why: string) => void,
  replace: (next: Session) => void,
): Promise<string | null> {
  if (!session?.refreshToken) {
    change(null, EXPIRED);
    return null;
  }
  try {
    const next = await refresh(session);
    if (storedSession()?.refreshToken !== session.refreshToken) {
      // Somebody logged out meanwhile.
      void logOut(next);
      return null;
    }
    storeSession(next);
    replace(next);
    return next.token;
  } catch (problem) {
    // What may pass is tried again later; the session may still be good.
    if (!(problem instanceof Problem && problem.isPassing)) change(null, EXPIRED);
    return null;
  }
}
