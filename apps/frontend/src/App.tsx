import { useCallback, useEffect, useRef } from "react";

import { useApiIdentity } from "./api/release";
import { HealthPage } from "./health/HealthPage";
import { IdentityFooter } from "./identity/IdentityFooter";
import { NewVersionHint } from "./identity/NewVersionHint";
import { usePageIdentity } from "./identity/usePageIdentity";
import { OrdersPage } from "./orders/OrdersPage";
import { forgetAnyPending } from "./orders/pending";
import { greetApi } from "./session/accounts";
import { SignIn } from "./session/SignIn";
import { useSession } from "./session/useSession";
import { tellLater } from "./telemetry/begin";

/** The only page beside the orders; whoever looks at it need not be logged in. */
const HEALTH = "/status";

export function App() {
  const main = useRef<HTMLElement>(null);
  const page = usePageIdentity();
  const api = useApiIdentity();

  const toNewContent = useCallback(() => {
    // The control which had the focus goes away: whoever uses a keyboard or hears the page starts at the new content.
    main.current?.focus();
  }, []);

  const { session, notice, enter, leave, renew } = useSession(toNewContent);

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
                leave();
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
          <OrdersPage key={session.email} session={session} renew={renew} />
        ) : (
          <SignIn notice={notice} onSession={enter} />
        )}
      </main>
      <IdentityFooter page={page} api={api} health={HEALTH} />
    </>
  );
}
