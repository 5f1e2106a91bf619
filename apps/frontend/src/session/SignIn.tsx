import { type SyntheticEvent, useState } from "react";

import type { Problem } from "../api/problem";
import type { Retry } from "../api/retry";
import { type Explanations, asProblem, explain, explainRetry } from "../ui/explain";
import { Field } from "../ui/Field";
import { Messages } from "../ui/Messages";
import { type Credentials, logIn, register } from "./accounts";
import type { Session } from "./session";

interface SignInProps {
  notice: string;
  onSession: (session: Session) => void;
}

const EXPLANATIONS: Explanations = {
  401: "Email or password is not right.",
  409: "There is an account with this email already. Log in instead.",
};

type Action = (credentials: Credentials, onRetry: (retry: Retry) => void) => Promise<Session>;

export function SignIn({ notice, onSession }: SignInProps) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const [progress, setProgress] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(event: SyntheticEvent<HTMLFormElement, SubmitEvent>): Promise<void> {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.currentTarget);
    const action: Action = event.nativeEvent.submitter?.dataset.action === "register" ? register : logIn;
    setBusy(true);
    setProblem(null);
    try {
      const credentials = { email: textOf(form, "email").trim(), password: textOf(form, "password") };
      const session = await action(credentials, (retry) => {
        setProgress(explainRetry(retry));
      });
      onSession(session);
    } catch (thrown) {
      setProblem(asProblem(thrown));
    } finally {
      setProgress("");
      setBusy(false);
    }
  }

  const fields = problem?.fields ?? [];
  return (
    <section className="card sign-in" aria-labelledby="sign-in-title">
      <h1 id="sign-in-title">Welcome</h1>
      <p className="lead">Log in to place orders and watch them being processed.</p>
      {notice && (
        <p className="message message-notice" role="status" data-testid="notice">
          {notice}
        </p>
      )}
      <form
        onSubmit={(event) => {
          void submit(event);
        }}
      >
        <Field label="Email" name="email" problems={fields}>
          {(ties) => <input {...ties} type="email" autoComplete="username" inputMode="email" maxLength={254} required />}
        </Field>
        <Field label="Password" name="password" problems={fields}>
          {(ties) => <input {...ties} type="password" autoComplete="current-password" required />}
        </Field>
        <Messages error={problem ? explain(problem, EXPLANATIONS) : ""} progress={progress} />
        <div className="actions">
          <button type="submit" className="primary" data-action="login" data-testid="login" aria-disabled={busy}>
            Log in
          </button>
          <button type="submit" data-action="register" data-testid="register" aria-disabled={busy}>
            Create account
          </button>
        </div>
      </form>
    </section>
  );
}

function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}
