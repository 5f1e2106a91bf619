import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { link, useAddress, type Address } from "./address.ts";
import { told } from "./ask.ts";
import { loadConfig, type Config } from "./config.ts";
import { dashboards } from "./dashboards/model.ts";
import { firingAlerts } from "./stores/prometheus.ts";
import { TimeControls } from "./time/TimeControls.tsx";
import { Boundary } from "./ui/Boundary.tsx";
import { ConfigContext } from "./ui/context.ts";
import { Message } from "./ui/Message.tsx";
import { applyTheme, savedTheme, ThemeContext, type Theme } from "./ui/theme.ts";

// Each view comes when it is looked at: the first one does not wait for the others.
const DashboardView = lazy(() => import("./dashboards/DashboardView.tsx"));
const TraceSearch = lazy(() => import("./traces/TraceSearch.tsx"));
const TraceView = lazy(() => import("./traces/TraceView.tsx"));
const LogsView = lazy(() => import("./logs/LogsView.tsx"));
const AlertsView = lazy(() => import("./alerts/AlertsView.tsx"));

export function App() {
  const config = useQuery({ queryKey: ["config"], queryFn: loadConfig, staleTime: Infinity, cacheTime: Infinity });
  const [theme, setTheme] = useState<Theme>(savedTheme());
  const turn = (): void => {
    const next = theme === "dark" ? "light" : "dark";
    applyTheme(next);
    setTheme(next);
  };
  if (config.error) return <Message kind="error">{told(config.error)}</Message>;
  if (!config.data) return <Message>Loading …</Message>;
  return (
    <ConfigContext.Provider value={config.data}>
      <ThemeContext.Provider value={theme}>
        <Page config={config.data} theme={theme} onTurn={turn} />
      </ThemeContext.Provider>
    </ConfigContext.Provider>
  );
}

function Page({ config, theme, onTurn }: { config: Config; theme: Theme; onTurn: () => void }) {
  const address = useAddress();
  const shown = dashboards(config.dashboards);
  const dashboard = address.parameters.get("dashboard") ?? shown[0]?.name ?? "";
  return (
    <>
      <header className="bar">
        <a className="brand" href={link("")}>
          {config.environment || "console"}
        </a>
        <nav aria-label="Views">
          {shown.map(({ name, title, about }) => (
            <NavLink
              key={name}
              href={link("", { dashboard: name })}
              active={address.view === "dashboard" && name === dashboard}
              title={about}
            >
              {title}
            </NavLink>
          ))}
          <span className="gap" />
          <NavLink href={link("traces")} active={address.view === "traces" || address.view === "trace"}>
            Traces
          </NavLink>
          <NavLink href={link("logs")} active={address.view === "logs"}>
            Logs
          </NavLink>
          <NavLink href={link("alerts")} active={address.view === "alerts"}>
            Alerts <FiringCount config={config} />
          </NavLink>
        </nav>
        <TimeControls />
        <button
          type="button"
          className="quiet"
          onClick={onTurn}
          aria-label={theme === "dark" ? "Light colours" : "Dark colours"}
          title="Dark or light"
        >
          ◐
        </button>
      </header>
      <main>
        <Boundary key={`${address.view} ${dashboard}`}>
          <Suspense fallback={<Message>Loading …</Message>}>
            <View address={address} dashboard={dashboard} />
          </Suspense>
        </Boundary>
      </main>
    </>
  );
}

function View({ address, dashboard }: { address: Address; dashboard: string }) {
  switch (address.view) {
    case "dashboard":
      return <DashboardView key={dashboard} name={dashboard} />;
    case "traces":
      return <TraceSearch />;
    case "trace":
      return <TraceView key={address.id} id={address.id} />;
    case "logs":
      return <LogsView />;
    case "alerts":
      return <AlertsView />;
  }
}

function NavLink({ href, active, title, children }: { href: string; active: boolean; title?: string; children: React.ReactNode }) {
  return (
    <a href={href} title={title} aria-current={active ? "page" : undefined}>
      {children}
    </a>
  );
}

function FiringCount({ config }: { config: Config }) {
  const alerts = useQuery({
    queryKey: ["alerts"],
    queryFn: ({ signal }) => firingAlerts(config.endpoints.prometheus, signal),
    refetchInterval: 15_000,
  });
  const firing = (alerts.data ?? []).filter(({ state, labels }) => state === "firing" && labels.severity !== "none").length;
  return firing > 0 ? <span className="badge">{firing}</span> : null;
}
