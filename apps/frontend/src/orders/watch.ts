import { Problem, unanswered } from "../api/problem";
import { type Order, listOrders } from "./order";
import { nextRefresh } from "./refresh";

export interface Watch {
  /** Ask now rather than at the next turn. */
  refresh: () => void;
  stop: () => void;
}

/** Keeps asking for the orders, at the pace that `nextRefresh` sets, until stopped. */
export function watchOrders(token: string, onOrders: (orders: Order[]) => void, onProblem: (problem: Problem) => void): Watch {
  const stopped = new AbortController();
  let orders: Order[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;
  let waiting = 0;

  async function ask(): Promise<Problem | null> {
    try {
      orders = await listOrders(token, stopped.signal);
      onOrders(orders);
      return null;
    } catch (error) {
      if (stopped.signal.aborted) return null;
      const problem = error instanceof Problem ? error : unanswered();
      onProblem(problem);
      return problem;
    }
  }

  async function turn(): Promise<void> {
    if (asking) {
      waiting += 1;
      return;
    }
    clearTimeout(timer);
    asking = true;
    let problem: Problem | null;
    do {
      waiting = 0;
      problem = await ask();
    } while (waiting > 0 && !stopped.signal.aborted);
    asking = false;
    if (stopped.signal.aborted) return;
    timer = setTimeout(refresh, nextRefresh(orders, !document.hidden, problem));
  }

  function refresh(): void {
    void turn();
  }

  function onVisibility(): void {
    if (!document.hidden) refresh();
  }

  document.addEventListener("visibilitychange", onVisibility);
  refresh();
  return {
    refresh,
    stop: () => {
      stopped.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisibility);
    },
  };
}
