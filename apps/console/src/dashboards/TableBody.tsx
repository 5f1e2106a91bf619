import { link } from "../address.ts";
import { shown } from "../format.ts";
import type { Sample } from "../stores/prometheus.ts";
import type { Panel } from "./model.ts";

const TRACE = "trace_id";

/** Labels are columns. The value is one where it says something: a count of 1 does not. */
export function TableBody({ panel, samples }: { panel: Panel; samples: Sample[] }) {
  const columns = [...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))].filter((name) => name !== "__name__");
  const hasValues = panel.unit !== "count";
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            {columns.map((name) => (
              <th key={name}>{name === TRACE ? "" : name}</th>
            ))}
            {hasValues && <th className="value">{panel.unit === "date" ? "when" : "value"}</th>}
          </tr>
        </thead>
        <tbody>
          {samples.map(({ labels, value }) => (
            <tr key={JSON.stringify(labels)}>
              {columns.map((name) => (
                <td key={name} data-colour={name === "colour" ? labels[name] : undefined}>
                  {name === TRACE ? <TraceLink id={labels[name]} /> : (labels[name] ?? "")}
                </td>
              ))}
              {hasValues && <td className="value">{shown(value, panel.unit)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function TraceLink({ id }: { id: string | undefined }) {
  return id ? <a href={link(`trace/${id}`)}>trace</a> : null;
}
