import { useState } from "react";

import { link } from "../address.ts";
import { clock } from "../format.ts";
import type { LogLine } from "../stores/logs.ts";

/** What a severity looks like; names differ from source to source. */
export function severityClass(severity: string): string {
  if (/^(ERR|FATAL|CRIT|ALERT|EMERG|PANIC)/.test(severity)) return "bad";
  return severity.startsWith("WARN") ? "doubtful" : "";
}

export function LogLines({ lines, withTrace = true }: { lines: LogLine[]; withTrace?: boolean }) {
  const [open, setOpen] = useState<number | undefined>();
  return (
    <div className="scroll lines" role="list">
      {lines.map((line, index) => (
        <div
          role="listitem"
          key={`${line.at} ${index}`}
          className={`line ${severityClass(line.severity)}`}
          data-trace={line.traceId || undefined}
        >
          <button
            type="button"
            className="quiet"
            aria-expanded={open === index}
            aria-label="All fields"
            onClick={() => {
              setOpen(open === index ? undefined : index);
            }}
          >
            {open === index ? "▾" : "▸"}
          </button>
          <time title={new Date(line.at).toISOString()}>{clock(line.at)}</time>
          <span className="severity">{line.severity.slice(0, 5)}</span>
          <span className="service">{line.service}</span>
          <span className="text">{line.message}</span>
          {withTrace && line.traceId && (
            <a href={link(`trace/${line.traceId}`)} title={`Trace ${line.traceId}`}>
              trace
            </a>
          )}
          {open === index && <Fields line={line} />}
        </div>
      ))}
    </div>
  );
}

function Fields({ line }: { line: LogLine }) {
  const all = { time: new Date(line.at).toISOString(), ...(line.traceId ? { trace_id: line.traceId } : {}), ...line.fields };
  return (
    <dl className="fields">
      {Object.entries(all).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
