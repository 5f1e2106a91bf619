import { useCallback, useEffect, useRef, useState } from "react";

import { useApiIdentity } from "./api/release";
import { HealthPage } from "./health/HealthPage";
import { IdentityFooter } from "./identity/IdentityFooter";
import { NewVersionHint } from "./identity/NewVersionHint";
import { usePageIdentity } from "./identity/usePageIdentity";
import { OrdersPage } from "./orders/OrdersPage";
import { forgetAnyPending } from "./orders/pending";
import { greetApi } from "./session/accounts";
import { type Session, storeSession, storedSession } from "./session/session";
import { SignIn } from "./session/SignIn";
import { tellLater } from "./telemetry/begin";

/** The only page beside the orders; whoever looks at it need not be logged in. */
const HEALTH = "/status";

export function App() {
  const [session, setSession] = useState<Session | null>(() => storedSession());
  const [notice, setNotice] = useState("");
  const main = useRef<HTMLElement>(null);
  const page = usePageIdentity();
  const api = useApiIdentity();

  const enter = useCallback((next: Session | null, why = "") => {
    storeSession(next);
    setSession(next);
    setNotice(why);
    // The control which had the focus goes away: whoever uses a keyboard or hears the page starts at the new content.
    main.current?.focus();
  }, []);

  const expire = useCallback(() => {
    enter(null, "Your session has expired. Please log in again.");
  }, [enter]);

  useEffect(() => {
    void greetApi();
  }, []);

  useEffect(() => {
    if (page) tellLater(page);
  }, [page]);

  return (
    <>
      <header className="top">
        <p className="brand">
          <img src="/favicon.svg" alt="" width="28" height="28" /> Echobase <span>Orders</span>
        </p>
        {session && (
          <div className="account">
            <span className="email">{session.email}</span>
            <button
              type="button"
              data-testid="logout"
              onClick={() => {
                forgetAnyPending();
                enter(null);
              }}
            >
              Log out
            </button>
          </div>
        )}
      </header>
      <NewVersionHint page={page} api={api} />
      <main ref={main} tabIndex={-1}>
        {window.location.pathname === HEALTH ? (
          <HealthPage />
        ) : session ? (
          <OrdersPage key={session.token} session={session} onExpired={expire} />
        ) : (
          <SignIn notice={notice} onSession={enter} />
        )}
      </main>
      <IdentityFooter page={page} api={api} health={HEALTH} />
    </>
  );
}
