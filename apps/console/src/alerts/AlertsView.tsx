import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";

import { told } from "../ask.ts";
import type { Config } from "../config.ts";
import { clock } from "../format.ts";
import { firingAlerts, type Alert } from "../stores/prometheus.ts";
import { useConfig } from "../ui/context.ts";
import { Message } from "../ui/Message.tsx";

// What it means stands in the first columns; who is told is no matter of the one who looks.
const SHOWN_ELSEWHERE = ["alertname", "severity", "environment"];

export default function AlertsView() {
  const config = useConfig();
  const alerts = useQuery({
    queryKey: ["alerts"],
    queryFn: ({ signal }) => firingAlerts(config.endpoints.prometheus, signal),
    refetchInterval: 15_000,
  });
  useEffect(() => {
    document.title = `Alerts · ${config.environment}`;
  }, [config.environment]);
  if (alerts.error) return <Message kind="error">{told(alerts.error)}</Message>;
  if (!alerts.data) return <Message>Loading …</Message>;
  if (alerts.data.length === 0) return <Message>no alert fires</Message>;
  return (
    <section aria-label="Alerts" className="whole">
      <table className="alerts">
        <thead>
          <tr>
            <th>alert</th>
            <th>what</th>
            <th>of</th>
            <th>since</th>
            <th>runbook</th>
          </tr>
        </thead>
        <tbody>
          {alerts.data.map((alert) => (
            <AlertRow key={JSON.stringify(alert.labels)} alert={alert} config={config} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function AlertRow({ alert, config }: { alert: Alert; config: Config }) {
  const { labels, annotations } = alert;
  const of = Object.entries(labels).filter(([name]) => !SHOWN_ELSEWHERE.includes(name));
  const runbook = runbookOf(alert, config);
  return (
    <tr data-state={alert.state} data-severity={labels.severity}>
      <td>
        <strong>{alert.name}</strong>{" "}
        <span className="badge">{alert.state === "firing" ? (labels.severity ?? "firing") : alert.state}</span>
      </td>
      <td>
        {annotations.summary ?? ""} {annotations.description && <small>{annotations.description}</small>}
      </td>
      <td>{of.map(([name, value]) => `${name} ${value}`).join(", ")}</td>
      <td>{clock(alert.since)}</td>
      <td>
        {runbook ? (
          <a href={runbook} target="_blank" rel="noreferrer">
            what to do
          </a>
        ) : (
          annotations.runbook
        )}
      </td>
    </tr>
  );
}

/** A path below the place that config.json gives for runbooks, or a whole address. Anything but a page is none. */
export function runbookOf({ annotations }: Pick<Alert, "annotations">, { endpoints }: Config): string | undefined {
  const told = annotations.runbook_url ?? annotations.runbook ?? "";
  const address = /^[a-z]+:/i.test(told) || !told ? told : endpoints.runbooks + told;
  return /^(https?:|\/)/.test(address) ? address : undefined;
}
