import { type SyntheticEvent, useState } from "react";

import type { Problem } from "../api/problem";
import { type Explanations, asProblem, explain, explainRetry } from "../ui/explain";
import type { Renew } from "../session/useSession";
import { Field } from "../ui/Field";
import { Messages } from "../ui/Messages";
import { type Order, placeOrder } from "./order";
import { forgetPending, pendingOrder, rememberPending } from "./pending";

interface OrderFormProps {
  email: string;
  token: string;
  onPlaced: (order: Order) => void;
  renew: Renew;
}

const EMPTY = { item: "", quantity: "1", note: "" };

const UNCONFIRMED = "We could not confirm your order. Press “Place order” again: it will not be placed twice.";
const EXPLANATIONS: Explanations = { 0: UNCONFIRMED, 500: UNCONFIRMED, 502: UNCONFIRMED, 503: UNCONFIRMED, 504: UNCONFIRMED };

export function OrderForm({ email, token, onPlaced, renew }: OrderFormProps) {
  const [unfinished] = useState(() => pendingOrder(email));
  const [text, setText] = useState(unfinished ? { ...unfinished.draft, quantity: String(unfinished.draft.quantity) } : EMPTY);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [progress, setProgress] = useState(unfinished ? "This order was not confirmed. Place it again: it will not be placed twice." : "");
  const [busy, setBusy] = useState(false);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    if (busy) return;
    const pending = rememberPending(email, { item: text.item.trim(), quantity: Number(text.quantity), note: text.note.trim() });
    setBusy(true);
    setProblem(null);
    setProgress("");
    try {
      const place = (as: string) =>
        placeOrder(as, pending, (retry) => {
          setProgress(explainRetry(retry));
        });
      const order = await place(token).catch(async (thrown: unknown) => {
        const another = asProblem(thrown).status === 401 ? await renew(token) : null;
        if (another === null) throw thrown;
        return place(another);
      });
      forgetPending(pending);
      setText(EMPTY);
      onPlaced(order);
    } catch (thrown) {
      const found = asProblem(thrown);
      if (settles(found)) forgetPending(pending);
      setProblem(found);
    } finally {
      setProgress("");
      setBusy(false);
    }
  }

  const fields = problem?.fields ?? [];
  return (
    <section className="card" aria-labelledby="order-title">
      <h2 id="order-title">New order</h2>
      <form
        onSubmit={(event) => {
          void submit(event);
        }}
      >
        <Field label="Item" name="item" problems={fields}>
          {(ties) => (
            <input
              {...ties}
              required
              readOnly={busy}
              autoComplete="off"
              value={text.item}
              onChange={(event) => {
                setText({ ...text, item: event.target.value });
              }}
            />
          )}
        </Field>
        <Field label="Quantity" name="quantity" problems={fields}>
          {(ties) => (
            <input
              {...ties}
              type="number"
              inputMode="numeric"
              min={1}
              step={1}
              required
              readOnly={busy}
              value={text.quantity}
              onChange={(event) => {
                setText({ ...text, quantity: event.target.value });
              }}
            />
          )}
        </Field>
        <Field label="Note" name="note" optional problems={fields}>
          {(ties) => (
            <textarea
              {...ties}
              rows={3}
              readOnly={busy}
              value={text.note}
              onChange={(event) => {
                setText({ ...text, note: event.target.value });
              }}
            />
          )}
        </Field>
        <Messages error={problem ? explain(problem, EXPLANATIONS) : ""} progress={progress} />
        <div className="actions">
          <button type="submit" className="primary" data-testid="place-order" aria-disabled={busy}>
            {busy ? "Placing …" : "Place order"}
          </button>
        </div>
      </form>
    </section>
  );
}

/** Has the service decided? Not when it wants a login first, slows us down, or failed itself. */
function settles({ status }: Problem): boolean {
  return status >= 400 && status < 500 && status !== 401 && status !== 429;
}
