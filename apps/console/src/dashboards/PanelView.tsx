import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";

import { told } from "../ask.ts";
import { logStore } from "../stores/logs.ts";
import { LogLines } from "../logs/LogLines.tsx";
import { exemplars, instantQuery, rangeQuery, type Event } from "../stores/prometheus.ts";
import { windowOf } from "../time/range.ts";
import { useTime } from "../time/useTime.ts";
import { useConfig } from "../ui/context.ts";
import { Message } from "../ui/Message.tsx";
import type { Panel } from "./model.ts";
import { StatBody } from "./StatBody.tsx";
import { TableBody } from "./TableBody.tsx";

// The charts are most of what is loaded: numbers, tables and logs do not wait for them.
const GraphBody = lazy(() => import("../charts/GraphBody.tsx"));

export const NO_DATA = "no data yet";
const LOG_LINES = 100;

/** A titled box. `data-state` says how it is: loading, error, empty, or data. */
function Frame({ panel, state, children }: { panel: Panel; state: string; children: React.ReactNode }) {
  return (
    <article
      className={`panel ${panel.kind}`}
      data-width={panel.width}
      data-state={state}
      data-panel={panel.title}
      data-optional={panel.empty ? "" : undefined}
    >
      <h3 title={panel.about}>{panel.title}</h3>
      {children}
    </article>
  );
}

/** What every kind of panel does with its question before it has something to show. */
function Shown<T>({
  panel,
  query,
  isEmpty,
  children,
}: {
  panel: Panel;
  query: { data: T | undefined; error: unknown };
  isEmpty: (data: T) => boolean;
  children: (data: T) => React.ReactNode;
}) {
  const { data, error } = query;
  if (error) {
    return (
      <Frame panel={panel} state="error">
        <Message kind="error">{told(error)}</Message>
      </Frame>
    );
  }
  const state = data === undefined ? "loading" : isEmpty(data) ? "empty" : "data";
  return (
    <Frame panel={panel} state={state}>
      {state === "loading" && <Message>…</Message>}
      {state === "empty" && <Message>{panel.empty ?? NO_DATA}</Message>}
      {state === "data" && data !== undefined && children(data)}
    </Frame>
  );
}

export function PanelView({ panel, events }: { panel: Panel; events: Event[] }) {
  switch (panel.kind) {
    case "graph":
      return <GraphPanel panel={panel} events={events} />;
    case "logs":
      return <LogsPanel panel={panel} />;
    default:
      return <InstantPanel panel={panel} />;
  }
}

function GraphPanel({ panel, events }: { panel: Panel; events: Event[] }) {
  const { endpoints } = useConfig();
  const { range, refresh, key } = useTime();
  const query = useQuery({
    queryKey: ["graph", panel.queries, panel.exemplars, key],
    queryFn: async ({ signal }) => {
      const window = windowOf(range);
      const [series, dots] = await Promise.all([
        Promise.all(panel.queries.map(({ promql }) => rangeQuery(endpoints.prometheus, promql, window, signal))),
        panel.exemplars ? exemplars(endpoints.prometheus, panel.exemplars, window, signal) : [],
      ]);
      return { window, series, dots };
    },
    refetchInterval: refresh,
  });
  return (
    <Shown panel={panel} query={query} isEmpty={({ series }) => series.every((answers) => answers.length === 0)}>
      {(data) => (
        <Suspense fallback={<Message>…</Message>}>
          <GraphBody panel={panel} events={events} {...data} />
        </Suspense>
      )}
    </Shown>
  );
}

function InstantPanel({ panel }: { panel: Panel }) {
  const { endpoints } = useConfig();
  const { range, refresh, key } = useTime();
  const query = useQuery({
    queryKey: ["instant", panel.queries, key],
    queryFn: async ({ signal }) => {
      const window = windowOf(range);
      return Promise.all(panel.queries.map(({ promql }) => instantQuery(endpoints.prometheus, promql, window, signal)));
    },
    refetchInterval: refresh,
  });
  return (
    <Shown panel={panel} query={query} isEmpty={(answers) => answers.every((samples) => samples.length === 0)}>
      {(answers) =>
        panel.kind === "stat" ? <StatBody panel={panel} answers={answers} /> : <TableBody panel={panel} samples={answers.flat()} />
      }
    </Shown>
  );
}

function LogsPanel({ panel }: { panel: Panel }) {
  const config = useConfig();
  const { range, refresh, key } = useTime();
  const query = useQuery({
    queryKey: ["logs", panel.logs, key],
    queryFn: ({ signal }) => {
      const written = panel.logs?.[config.log_store === "loki" ? "logql" : "logsql"] ?? "";
      return logStore(config).lines(written, windowOf(range), LOG_LINES, signal);
    },
    refetchInterval: refresh,
  });
  return (
    <Shown panel={panel} query={query} isEmpty={(lines) => lines.length === 0}>
      {(lines) => <LogLines lines={lines} />}
    </Shown>
  );
}
