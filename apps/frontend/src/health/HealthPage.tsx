import { type Reading, SERVICES, type Sample, type Service } from "./sample";
import { Trend, shown } from "./Trend";
import { MOST_SAMPLES, SECONDS_BETWEEN_SAMPLES, useHealth } from "./useHealth";

const TITLES: Record<Service, string> = { api: "API", database: "Database", cache: "Cache" };
const WORDS: Record<Service, string> = {
  api: "Takes orders and answers for the other two; its time is the whole way from this page and back.",
  database: "Keeps every order. Without it none can be placed.",
  cache: "Makes reading quick and counts attempts for both colours. Everything works without it.",
};
const OVERALL: Record<Sample["overall"], string> = {
  ok: "Everything is well.",
  degraded: "Degraded: not every service answers.",
  silent: "The service does not answer. We go on asking.",
};
const MINUTES = (MOST_SAMPLES * SECONDS_BETWEEN_SAMPLES) / 60;

export function HealthPage() {
  const samples = useHealth();
  const latest = samples.at(-1);
  return (
    <>
      <div className="health-head">
        <h1>Health</h1>
        <a href="/">Orders</a>
      </div>
      <p className={`message ${latest && latest.overall !== "ok" ? "message-error" : "message-notice"}`} role="status" data-testid="health-overall">
        {latest ? OVERALL[latest.overall] : "Asking …"}
      </p>
      <ul className="health-cards">
        {SERVICES.map((service) => (
          <Card key={service} service={service} readings={samples.map(({ services }) => services[service])} />
        ))}
      </ul>
      <p className="quiet">
        Asked every {SECONDS_BETWEEN_SAMPLES} seconds; the last {MINUTES} minutes are shown, as long as this page is open.
      </p>
    </>
  );
}

interface CardProps {
  service: Service;
  readings: Reading[];
}

function Card({ service, readings }: CardProps) {
  const now = readings.at(-1);
  const state = now?.state ?? "unknown";
  return (
    <li className="card health-card" data-testid={`health-${service}`} aria-labelledby={`health-title-${service}`}>
      <div className="health-head">
        <h2 id={`health-title-${service}`}>{TITLES[service]}</h2>
        <span className={`status status-${state}`} data-testid="health-state">
          {state}
        </span>
      </div>
      <p className="health-latency" data-testid="health-latency">
        {now?.milliseconds == null ? "–" : shown(now.milliseconds)}
      </p>
      <Trend readings={readings} />
      <p className="quiet">{WORDS[service]}</p>
    </li>
  );
}
