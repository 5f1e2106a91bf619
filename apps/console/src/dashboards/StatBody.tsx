import { shown } from "../format.ts";
import type { Sample } from "../stores/prometheus.ts";
import { seriesName, type Panel } from "./model.ts";

export function StatBody({ panel, answers }: { panel: Panel; answers: Sample[][] }) {
  const stats = panel.queries.flatMap(({ legend }, index) =>
    (answers[index] ?? []).map(({ labels, value }) => ({ name: seriesName(legend, labels), colour: labels.colour, value })),
  );
  stats.sort((a, b) => a.name.localeCompare(b.name));
  return (
    <dl className="stats">
      {stats.map(({ name, colour, value }) => (
        <div key={name} data-colour={colour} data-alarm={panel.alarm !== undefined && value >= panel.alarm ? "" : undefined}>
          <dd>{shown(value, panel.unit)}</dd>
          <dt>{name}</dt>
        </div>
      ))}
    </dl>
  );
}
