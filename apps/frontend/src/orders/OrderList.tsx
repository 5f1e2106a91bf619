import type { Order } from "./order";

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function OrderList({ orders }: { orders: Order[] | null }) {
  return (
    <section className="card" aria-labelledby="orders-title" aria-busy={orders === null}>
      <h2 id="orders-title">
        Your orders {orders && orders.length > 0 && <span className="count">{orders.length}</span>}
      </h2>
      {orders === null && <p className="lead">Loading …</p>}
      {orders?.length === 0 && <p className="lead">Nothing here yet. Your first order will appear in this list.</p>}
      <ul className="orders" data-testid="orders">
        {orders?.map((order) => <OrderRow key={order.id} order={order} />)}
      </ul>
    </section>
  );
}

function OrderRow({ order }: { order: Order }) {
  return (
    <li className="order" data-testid="order-row" data-order-id={order.id}>
      <div className="order-main">
        <p className="order-item">
          <span className="quantity">{order.quantity} ×</span> {order.item}
        </p>
        {order.note && <p className="order-note">{order.note}</p>}
        <p className="order-time">
          <time dateTime={order.created_at}>{WHEN.format(new Date(order.created_at))}</time>
          {order.processed_at && <> · took {duration(order.created_at, order.processed_at)}</>}
        </p>
      </div>
      <span className={`status status-${order.status}`} data-testid="order-status">
        {order.status}
      </span>
    </li>
  );
}

function duration(from: string, to: string): string {
  const seconds = Math.max(0, Date.parse(to) - Date.parse(from)) / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.round(seconds / 60)} min`;
}
