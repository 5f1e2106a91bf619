import { useSyncExternalStore } from "react";

/** Where the user is. All of it is in the URL, so that a URL can be shared. */
export interface Address {
  view: "dashboard" | "traces" | "trace" | "logs" | "alerts";
  /** Of a trace: its id. */
  id: string;
  parameters: URLSearchParams;
}

export const BASE = "/console/";

export function parseAddress(path: string, search: string): Address {
  const parameters = new URLSearchParams(search);
  const [name = "", id = ""] = path.slice(BASE.length).split("/");
  if (name === "trace" && id) return { view: "trace", id: id.toLowerCase(), parameters };
  if (name === "traces" || name === "logs" || name === "alerts") return { view: name, id: "", parameters };
  return { view: "dashboard", id: "", parameters };
}

/** A link to `path` below the console. What is said about time goes along, other parameters do not. */
export function link(path: string, parameters: Record<string, string | undefined> = {}, now: URLSearchParams = current()): string {
  const kept = ["from", "to", "refresh"].flatMap((name) => (now.has(name) ? [[name, now.get(name) ?? ""]] : []));
  const all = new URLSearchParams(kept);
  for (const [name, value] of Object.entries(parameters)) {
    if (value) all.set(name, value);
    else all.delete(name);
  }
  const query = all.toString();
  return BASE + path + (query ? `?${query}` : "");
}

const current = (): URLSearchParams => new URLSearchParams(window.location.search);

/** The same place with some parameters changed. */
export function changed(parameters: Record<string, string | undefined>): string {
  const all = current();
  for (const [name, value] of Object.entries(parameters)) {
    if (value) all.set(name, value);
    else all.delete(name);
  }
  return `${window.location.pathname}?${all.toString()}`;
}

const listeners = new Set<() => void>();
const tellAll = (): void => {
  for (const listener of listeners) listener();
};

export function go(url: string, replace = false): void {
  window.history[replace ? "replaceState" : "pushState"](null, "", url);
  tellAll();
}

export function useAddress(): Address {
  const here = useSyncExternalStore(subscribe, () => window.location.pathname + window.location.search);
  const [path = "", search = ""] = here.split("?", 2);
  return parseAddress(path, search);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

/** Links to our own pages do not load the page anew. */
export function followLinks(event: MouseEvent): void {
  const anchor = event.target instanceof Element ? event.target.closest("a") : null;
  if (!anchor || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || anchor.target) return;
  if (anchor.origin !== window.location.origin || !anchor.pathname.startsWith(BASE)) return;
  event.preventDefault();
  go(anchor.pathname + anchor.search);
}
