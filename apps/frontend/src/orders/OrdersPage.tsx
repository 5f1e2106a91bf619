import type { Session } from "../session/session";
import type { Renew } from "../session/useSession";
import { type Explanations, explain } from "../ui/explain";
import { OrderForm } from "./OrderForm";
import { OrderList } from "./OrderList";
import { useOrders } from "./useOrders";

const STALE = "The list is not up to date: the service cannot be reached. We retry.";
const LIST_EXPLANATIONS: Explanations = { 0: STALE, 500: STALE, 502: STALE, 503: STALE, 504: STALE };

interface OrdersPageProps {
  session: Session;
  renew: Renew;
}

export function OrdersPage({ session, renew }: OrdersPageProps) {
  const { orders, problem, announcement, add } = useOrders(session.token, renew);
  return (
    <>
      <h1 className="heard-only">Orders</h1>
      <div className="columns">
        <OrderForm email={session.email} token={session.token} onPlaced={add} renew={renew} />
        <div>
          <div className="list-state" role="status">{problem && <p className="message message-progress">{explain(problem, LIST_EXPLANATIONS)}</p>}</div>
          <OrderList orders={orders} />
        </div>
      </div>
      <p className="heard-only" role="status">
        {announcement}
      </p>
    </>
  );
}
