import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ask, observeNoMore } from "../api/ask";
import { attempt } from "../api/http";
import { type Request, service } from "../test/service";
import { hasStopped } from "./exporter";
import { tell } from "./telemetry";

const PAGE = { version: "1.0.0", colour: "blue", release: "1.0.0-abc" };
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const ORDER = {
  method: "POST",
  path: "/api/orders?planted-query=1",
  token: "planted-token",
  body: { item: "planted-item", note: "planted-note" },
  idempotencyKey: "planted-key",
} as const;

interface Told {
  traceId: string;
  spanId: string;
  name: string;
  attributes: { key: string; value: Record<string, unknown> }[];
}

beforeEach(() => {
  vi.useFakeTimers();
  // This environment knows of no page loads and no vitals.
  vi.spyOn(performance, "getEntriesByType").mockReturnValue([]);
});

afterEach(observeNoMore);

function collector(answer: () => Response, other: () => Response): { requests: Request[]; told: () => Request[]; bodies: string[] } {
  const bodies: string[] = [];
  const requests = service(({ path }) => (path.startsWith("/otlp/") ? answer() : other()));
  const inner = fetch;
  vi.stubGlobal("fetch", (path: string, init: RequestInit = {}) => {
    if (path.startsWith("/otlp/")) bodies.push(new TextDecoder().decode(init.body as Uint8Array));
    return inner(path, init);
  });
  return { requests, told: () => requests.filter(({ path }) => path.startsWith("/otlp/")), bodies };
}

function spans(bodies: string[]): Told[] {
  return bodies.flatMap((body) => {
    const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Told[] }[] }[] };
    return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  });
}

const told = () => new Response(null, { status: 200 });
const accepted = () => Response.json({ id: "1" }, { status: 202, headers: { "Trace-Id": TRACE } });

test("a question is a span of the trace that its answer names, and its id travels with it", async () => {
  const { requests, bodies } = collector(told, accepted);
  tell(PAGE);
  await attempt(ORDER);
  await vi.advanceTimersByTimeAsync(5_000);
  const [span] = spans(bodies);
  expect(span).toMatchObject({ traceId: TRACE, name: "POST /api/orders" });
  expect(span?.attributes).toEqual([
    { key: "http.request.method", value: { stringValue: "POST" } },
    { key: "url.path", value: { stringValue: "/api/orders" } },
    { key: "http.response.status_code", value: { intValue: 202 } },
  ]);
  expect(requests[0]?.headers.get("traceparent")).toMatch(new RegExp(`^00-[0-9a-f]{32}-${span?.spanId}-01$`));
  expect(requests[0]?.headers.get("Idempotency-Key")).toBe("planted-key");
  expect(bodies.join()).toContain('"browser"');
});

test("an answer that names no trace leaves the question its own", async () => {
  const { requests, bodies } = collector(told, () => Response.json({}, { headers: { "Trace-Id": "no trace" } }));
  tell(PAGE);
  await ask("/api/orders/7d1f0e0e-1111-4222-8333-444455556666");
  await vi.advanceTimersByTimeAsync(5_000);
  const [span] = spans(bodies);
  expect(span?.name).toBe("GET /api/orders/{id}");
  expect(requests[0]?.headers.get("traceparent")).toBe(`00-${span?.traceId}-${span?.spanId}-01`);
});

test("nothing of an order and nobody's login is told, and nothing says who is logged in", async () => {
  const { told: requests, bodies } = collector(told, () => Response.json({ detail: "planted-answer" }, { status: 422 }));
  tell(PAGE);
  await attempt(ORDER).catch(() => undefined);
  await ask("/api/orders/planted_id").catch(() => undefined);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(spans(bodies)).toHaveLength(2);
  expect(bodies.join()).not.toContain("planted");
  expect([...(requests()[0]?.headers.keys() ?? [])]).toEqual(["content-type"]);
});

test("a question that nobody answers is told and stays the error that it was", async () => {
  const { bodies } = collector(told, () => {
    throw new TypeError("network error of planted-host");
  });
  tell(PAGE);
  await expect(attempt(ORDER)).rejects.toMatchObject({ status: 0 });
  await vi.advanceTimersByTimeAsync(5_000);
  expect(spans(bodies)[0]?.attributes).toContainEqual({ key: "error.type", value: { stringValue: "TypeError" } });
  expect(bodies.join()).not.toContain("planted");
});

test.each([403, 404, 405, 410, 429])("where the answer is %i nothing more is told, also on the next page", async (status) => {
  const { told: requests } = collector(() => new Response(null, { status }), accepted);
  tell(PAGE);
  for (let count = 0; count < 3; count++) {
    await attempt(ORDER);
    await vi.advanceTimersByTimeAsync(5_000);
  }
  expect(requests()).toHaveLength(1);
  expect(hasStopped()).toBe(true);
  tell(PAGE);
  await attempt(ORDER);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(requests()).toHaveLength(1);
});

test("a server that fails again and again is left alone", async () => {
  const { told: requests } = collector(() => new Response(null, { status: 503 }), accepted);
  tell(PAGE);
  for (let count = 0; count < 6; count++) {
    await attempt(ORDER);
    await vi.advanceTimersByTimeAsync(5_000);
  }
  expect(requests()).toHaveLength(3);
});

test("what is left is told when the page is hidden", async () => {
  const { told: requests } = collector(told, accepted);
  tell(PAGE);
  await attempt(ORDER);
  vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  document.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(10);
  expect(requests()).toHaveLength(1);
});

test("a page's load is a trace: the one that its server names", async () => {
  const timing = { type: "navigate", fetchStart: 1, requestStart: 2, responseEnd: 5, loadEventEnd: 9, serverTiming: [{ name: "trace", description: TRACE }] };
  vi.spyOn(performance, "getEntriesByType").mockImplementation((kind) => (kind === "navigation" ? [timing as unknown as PerformanceNavigationTiming] : []));
  const { bodies } = collector(told, accepted);
  tell(PAGE);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(spans(bodies).map(({ name, traceId }) => [name, traceId])).toEqual([
    ["page fetch", TRACE],
    ["page load", TRACE],
  ]);
});
