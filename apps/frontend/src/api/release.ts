import { useSyncExternalStore } from "react";

/** Which copy of the system something came from. */
export interface Identity {
  colour: string;
  release: string;
}

export interface PageIdentity extends Identity {
  version: string;
}

let current: Identity | null = null;
const listeners = new Set<() => void>();

export function observeApi(headers: Headers): void {
  const colour = headers.get("X-Echobase-Colour");
  const release = headers.get("X-Echobase-Release");
  if (!colour || !release) return;
  if (current?.colour === colour && current.release === release) return;
  current = { colour, release };
  listeners.forEach((notify) => {
    notify();
  });
}

/** The colour and release that answered last. */
export function useApiIdentity(): Identity | null {
  return useSyncExternalStore(subscribe, () => current);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What the server of this page says about itself; null where nobody does (a development server). */
export async function fetchPageIdentity(): Promise<PageIdentity | null> {
  try {
    const response = await fetch("/release.json", { cache: "no-store" });
    return response.ok ? ((await response.json()) as PageIdentity) : null;
  } catch {
    return null;
  }
}
