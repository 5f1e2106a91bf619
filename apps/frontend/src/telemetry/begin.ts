import type { PageIdentity } from "../api/release";

/** Once nobody waits for the page any more, its telemetry is loaded. Whether it comes changes nothing. */
export function tellLater(page: PageIdentity): void {
  const load = (): void => {
    import("./telemetry").then(({ tell }) => { tell(page); }).catch(() => undefined);
  };
  if (document.readyState === "complete") whenIdle(load);
  else addEventListener("load", () => { whenIdle(load); }, { once: true });
}

function whenIdle(work: () => void): void {
  // Safari has no idle callbacks.
  if ("requestIdleCallback" in window) requestIdleCallback(work, { timeout: 5_000 });
  else setTimeout(work, 1_000);
}
