import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";

import { releaseEvents } from "../stores/prometheus.ts";
import { windowOf } from "../time/range.ts";
import { useTime } from "../time/useTime.ts";
import { useConfig } from "../ui/context.ts";
import { Message } from "../ui/Message.tsx";
import { dashboards } from "./model.ts";
import { PanelView } from "./PanelView.tsx";

export default function DashboardView({ name }: { name: string }) {
  const config = useConfig();
  const { environment, endpoints } = config;
  const { range, refresh, key } = useTime();
  const dashboard = dashboards(config.dashboards).find((one) => one.name === name);
  // Every chart shows them: what happened next to a release is seen on all dashboards.
  const events = useQuery({
    queryKey: ["events", key],
    queryFn: ({ signal }) => releaseEvents(endpoints.prometheus, windowOf(range), signal),
    refetchInterval: refresh,
  });

  useEffect(() => {
    document.title = `${dashboard?.title ?? "Console"} · ${environment}`;
  }, [dashboard, environment]);

  if (!dashboard) return <Message kind="error">There is no dashboard &quot;{name}&quot;</Message>;
  return (
    <>
      {dashboard.rows.map((row) => (
        <section key={row.title} aria-label={row.title}>
          <h2>{row.title}</h2>
          <div className="grid">
            {row.panels.map((panel) => (
              <PanelView key={panel.title} panel={panel} events={events.data ?? []} />
            ))}
          </div>
        </section>
      ))}
    </>
  );
}
