import { useQuery } from "@tanstack/react-query";
import { useEffect, useState, type SyntheticEvent } from "react";

import { changed, go, useAddress } from "../address.ts";
import { told } from "../ask.ts";
import { logStore, SEVERITIES, type LogQuestion } from "../stores/logs.ts";
import { windowOf } from "../time/range.ts";
import { useTime } from "../time/useTime.ts";
import { useConfig } from "../ui/context.ts";
import { Message } from "../ui/Message.tsx";
import { LogLines } from "./LogLines.tsx";

const MOST = 500;

export default function LogsView() {
  const config = useConfig();
  const { parameters } = useAddress();
  const { range, refresh, key } = useTime();
  const store = logStore(config);
  const question: LogQuestion = {
    text: parameters.get("q") ?? "",
    service: parameters.get("service") ?? "",
    severity: Number(parameters.get("severity") ?? 0),
    traceId: (parameters.get("trace") ?? "").toLowerCase(),
  };
  const written = store.written(question);
  const lines = useQuery({
    queryKey: ["lines", store.name, written, key],
    queryFn: ({ signal }) => store.lines(written, windowOf(range), MOST, signal),
    refetchInterval: refresh,
  });
  const services = useQuery({
    queryKey: ["log-services", store.name, key],
    queryFn: ({ signal }) => store.services(windowOf(range), signal),
    staleTime: 60_000,
  });

  useEffect(() => {
    document.title = `Logs · ${config.environment}`;
  }, [config.environment]);

  return (
    <section aria-label="Logs" className="whole">
      <Search key={`${question.text} ${question.traceId}`} question={question} services={services.data ?? []} />
      <p className="note">
        {store.name}: <code>{written}</code>
        {lines.data && ` · ${lines.data.length}${lines.data.length === MOST ? " newest" : ""} lines`}
      </p>
      {lines.error ? <Message kind="error">{told(lines.error)}</Message> : null}
      {!lines.error && lines.data?.length === 0 && <Message>no line matches in this span of time</Message>}
      {!lines.error && lines.data && lines.data.length > 0 && <LogLines lines={lines.data} />}
    </section>
  );
}

function Search({ question, services }: { question: LogQuestion; services: string[] }) {
  const [text, setText] = useState(question.text);
  const [traceId, setTraceId] = useState(question.traceId);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    go(changed({ q: text.trim(), trace: traceId.trim() }));
  };
  const known = question.service && !services.includes(question.service) ? [question.service, ...services] : services;
  return (
    <form className="search" role="search" onSubmit={submit}>
      <label className="wide">
        <span className="hidden">Text</span>
        <input
          type="search"
          placeholder="text"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
          }}
        />
      </label>
      <label>
        <span className="hidden">Trace id</span>
        <input
          type="search"
          placeholder="trace id"
          size={34}
          value={traceId}
          onChange={(event) => {
            setTraceId(event.target.value);
          }}
        />
      </label>
      <label>
        <span className="hidden">Service</span>
        <select
          value={question.service}
          onChange={(event) => {
            go(changed({ service: event.target.value }));
          }}
        >
          <option value="">every service</option>
          {known.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        <span className="hidden">Severity</span>
        <select
          value={question.severity}
          onChange={(event) => {
            go(changed({ severity: event.target.value === "0" ? "" : event.target.value }));
          }}
        >
          {SEVERITIES.map(([least, name]) => (
            <option key={least} value={least}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <button type="submit">Search</button>
    </form>
  );
}
