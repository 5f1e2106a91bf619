import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";

import { link } from "../address.ts";
import { told } from "../ask.ts";
import { LogLines } from "../logs/LogLines.tsx";
import { facts, trace } from "../stores/jaeger.ts";
import { logStore } from "../stores/logs.ts";
import type { Window } from "../time/range.ts";
import { useConfig } from "../ui/context.ts";
import { Message } from "../ui/Message.tsx";

const Waterfall = lazy(() => import("./Waterfall.tsx"));

// A trace that is looked at at once is not there in whole: it is asked for again until it stands still.
const AGAIN_MS = 3000;
const YOUNG_MS = 30_000;

export default function TraceView({ id }: { id: string }) {
  const { environment, endpoints } = useConfig();
  const found = useQuery({
    queryKey: ["trace", id],
    queryFn: ({ signal }) => trace(endpoints.jaeger, id, signal),
    refetchInterval: (data) => (data === undefined || Date.now() - facts(data).window.end < YOUNG_MS ? AGAIN_MS : false),
  });

  useEffect(() => {
    document.title = `Trace ${id.slice(0, 8)} · ${environment}`;
  }, [id, environment]);

  if (found.error && !found.data) return <Message kind="error">{told(found.error)}</Message>;
  if (!found.data) return <Message>Loading …</Message>;
  const { window, spans, errors, services } = facts(found.data);
  return (
    <section aria-label="Trace" className="whole">
      <p className="note">
        <code>{id}</code> · {spans} spans · {services.join(" → ")} · <a href={link("logs", { trace: id, ...around(window) })}>its logs</a>
      </p>
      {errors.length > 0 && <Message kind="error">{errors.join(" · ")}</Message>}
      <div className="waterfall panel" data-state="data">
        <Suspense fallback={<Message>Loading …</Message>}>
          <Waterfall trace={found.data} />
        </Suspense>
      </div>
      <TraceLogs id={id} window={window} />
    </section>
  );
}

const MARGIN_MS = 300_000;
const LINES = 200;

/** Clocks differ, and an order that waits is logged later: a margin on both sides. */
function around({ start, end }: Window): { from: string; to: string } {
  return { from: String(Math.floor(start - MARGIN_MS)), to: String(Math.ceil(end + MARGIN_MS)) };
}

function TraceLogs({ id, window }: { id: string; window: Window }) {
  const config = useConfig();
  const store = logStore(config);
  const { from, to } = around(window);
  const lines = useQuery({
    queryKey: ["trace-logs", id, from, to],
    queryFn: ({ signal }) =>
      store.lines(
        store.written({ text: "", service: "", severity: 0, traceId: id }),
        { start: Number(from), end: Number(to) },
        LINES,
        signal,
      ),
  });
  return (
    <article className="panel" aria-label="Logs of this trace">
      <h3>Logs of this trace</h3>
      {lines.error ? <Message kind="error">{told(lines.error)}</Message> : null}
      {lines.data?.length === 0 && <Message>no line carries this trace id</Message>}
      {lines.data && lines.data.length > 0 && <LogLines lines={[...lines.data].reverse()} withTrace={false} />}
    </article>
  );
}
