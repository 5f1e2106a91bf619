import { useCallback, useEffect, useRef, useState } from "react";

import type { Problem } from "../api/problem";
import type { Renew } from "../session/useSession";
import type { Order } from "./order";
import { NOTHING, newestFirst, withList, withPlaced } from "./state";
import { type Watch, watchOrders } from "./watch";

export interface Orders {
  orders: Order[] | null;
  problem: Problem | null;
  announcement: string;
  add: (order: Order) => void;
}

export function useOrders(token: string, renew: Renew): Orders {
  const [state, setState] = useState(NOTHING);
  const watch = useRef<Watch | null>(null);

  useEffect(() => {
    const watching = watchOrders(
      token,
      (orders) => {
        setState((before) => withList(before, orders));
      },
      (problem) => {
        if (problem.status === 401) void renew(token);
        else setState((before) => ({ ...before, problem }));
      },
    );
    watch.current = watching;
    return watching.stop;
  }, [token, renew]);

  const add = useCallback((order: Order) => {
    setState((before) => withPlaced(before, order));
    watch.current?.refresh();
  }, []);

  return { orders: newestFirst(state), problem: state.problem, announcement: state.announcement, add };
}
