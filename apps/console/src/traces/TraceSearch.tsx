import { useQuery } from "@tanstack/react-query";
import { useEffect, useState, type SyntheticEvent } from "react";

import { changed, go, link, useAddress } from "../address.ts";
import { told, Trouble } from "../ask.ts";
import { clock, duration } from "../format.ts";
import { isTraceId, search, services, type TraceSummary } from "../stores/jaeger.ts";
import { windowOf } from "../time/range.ts";
import { useTime } from "../time/useTime.ts";
import { useConfig } from "../ui/context.ts";
import { Message } from "../ui/Message.tsx";

const LONGER_THAN = ["", "10ms", "50ms", "100ms", "500ms", "1s", "5s"];

export default function TraceSearch() {
  const { environment, endpoints } = useConfig();
  const { parameters } = useAddress();
  const { range, refresh, key } = useTime();
  const known = useQuery({ queryKey: ["services"], queryFn: ({ signal }) => services(endpoints.jaeger, signal), refetchInterval: refresh });
  const service = parameters.get("service") ?? first(known.data ?? []);
  const errorsOnly = parameters.get("errors") === "1";
  const longerThan = parameters.get("longer") ?? "";
  const found = useQuery({
    queryKey: ["traces", service, errorsOnly, longerThan, key],
    queryFn: ({ signal }) => search(endpoints.jaeger, { service, errorsOnly, longerThan }, windowOf(range), signal),
    enabled: service !== "",
    refetchInterval: refresh,
  });
  const error = known.error ?? found.error;

  useEffect(() => {
    document.title = `Traces · ${environment}`;
  }, [environment]);

  return (
    <section aria-label="Traces" className="whole">
      <div className="search">
        <label>
          <span className="hidden">Service</span>
          <select
            value={service}
            onChange={(event) => {
              go(changed({ service: event.target.value }));
            }}
          >
            {!known.data?.includes(service) && <option>{service}</option>}
            {known.data?.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          longer than{" "}
          <select
            value={longerThan}
            onChange={(event) => {
              go(changed({ longer: event.target.value }));
            }}
          >
            {LONGER_THAN.map((least) => (
              <option key={least} value={least}>
                {least || "any"}
              </option>
            ))}
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={errorsOnly}
            onChange={(event) => {
              go(changed({ errors: event.target.checked ? "1" : "" }));
            }}
          />{" "}
          with an error
        </label>
        <ById />
      </div>
      {error ? <Message kind="error">{told(error)}</Message> : null}
      {!error && known.data?.length === 0 && <Message>no data yet</Message>}
      {!error && found.data?.length === 0 && <Message>no such trace in this span of time</Message>}
      {!error && found.data && found.data.length > 0 && <Traces traces={found.data} />}
    </section>
  );
}

/** Whoever looks for the first time wants to see what comes in from outside. */
export function first(known: string[]): string {
  return known.includes("edge") ? "edge" : (known[0] ?? "");
}

function ById() {
  const [id, setId] = useState("");
  const [wrong, setWrong] = useState<string | undefined>();
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const wanted = id.trim().toLowerCase();
    if (isTraceId(wanted)) go(link(`trace/${wanted}`));
    else setWrong(told(new Trouble("A trace id has 32 characters of 0-9 and a-f")));
  };
  return (
    <form onSubmit={submit} className="by-id">
      <label>
        <span className="hidden">Trace id</span>
        <input
          type="search"
          placeholder="trace id"
          size={34}
          value={id}
          onChange={(event) => {
            setId(event.target.value);
            setWrong(undefined);
          }}
        />
      </label>
      <button type="submit">Open</button>
      {wrong && <Message kind="error">{wrong}</Message>}
    </form>
  );
}

function Traces({ traces }: { traces: TraceSummary[] }) {
  const longest = Math.max(...traces.map(({ seconds }) => seconds));
  return (
    <div className="scroll">
      <table className="traces">
        <thead>
          <tr>
            <th>begun</th>
            <th>trace</th>
            <th className="value">duration</th>
            <th aria-label="Compared with the longest" />
            <th className="value">spans</th>
            <th className="value">errors</th>
            <th>services</th>
          </tr>
        </thead>
        <tbody>
          {traces.map((trace) => (
            <tr key={trace.id} className={trace.errors > 0 ? "bad" : ""}>
              <td>{clock(trace.start)}</td>
              <td>
                <a href={link(`trace/${trace.id}`)}>
                  {trace.service}: {trace.name}
                </a>
              </td>
              <td className="value">{duration(trace.seconds)}</td>
              <td>
                <meter min={0} max={longest} value={trace.seconds} aria-label="Duration" />
              </td>
              <td className="value">{trace.spans}</td>
              <td className="value">{trace.errors || ""}</td>
              <td>{trace.services.join(" → ")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
