import { askJson, Trouble } from "./ask.ts";
import { completed as completedDashboard, type Dashboard, type Written } from "./dashboards/model.ts";

/** What the server tells of the environment: /console/config.json. */
export interface Config {
  environment: string;
  log_store: "victorialogs" | "loki";
  /** What the application brings; the platform's own are in the image. */
  dashboards: Dashboard[];
  endpoints: { prometheus: string; jaeger: string; logs: string; loki: string; runbooks: string };
}

export const DEFAULTS: Config = {
  environment: "",
  log_store: "victorialogs",
  dashboards: [],
  // Runbooks go by their path in the repository, and lie in the image.
  // Addresses of the same origin: the edge's login is the only door.
  endpoints: { prometheus: "/prometheus", jaeger: "/jaeger", logs: "/logs", loki: "/loki", runbooks: "/console/" },
};

export async function loadConfig(): Promise<Config> {
  const told = await askJson("The console", `${import.meta.env.BASE_URL}config.json`);
  return completed(told);
}

export function completed(told: unknown): Config {
  if (typeof told !== "object" || told === null) throw new Trouble("config.json of the console is no object");
  const { endpoints, dashboards = [], ...rest } = told as Partial<Omit<Config, "dashboards">> & { dashboards?: (Written & { name: string })[] };
  const config = {
    ...DEFAULTS,
    ...rest,
    endpoints: { ...DEFAULTS.endpoints, ...endpoints },
    dashboards: dashboards.map(({ name, ...written }) => completedDashboard(name, written)),
  };
  if (!["victorialogs", "loki"].includes(config.log_store))
    throw new Trouble(`config.json names an unknown log_store "${config.log_store}"`);
  return config;
}
