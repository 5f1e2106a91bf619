import { act, render, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { type Reply, inTurn, service } from "../test/service";
import { HealthPage } from "./HealthPage";
import { timingsOf } from "./sample";
import { MOST_SAMPLES, SECONDS_BETWEEN_SAMPLES } from "./useHealth";

type Health = "healthy" | "unhealthy";

function report(database: Health, cache: Health, status = 200): () => Reply {
  const overall = database === "healthy" && cache === "healthy" ? "ok" : "degraded";
  const body = { status: overall, timestamp: "2026-01-01T00:00:00.000Z", services: { api: "healthy", database, cache } };
  return () => Response.json(body, { status, headers: { "Server-Timing": "database;dur=1.2, cache;dur=0.3" } });
}

async function looks(count: number): Promise<void> {
  for (let look = 0; look < count; look++) {
    await act(() => vi.advanceTimersByTimeAsync(SECONDS_BETWEEN_SAMPLES * 1000));
  }
}

function card(name: string) {
  return within(screen.getByTestId(`health-${name}`));
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("each service has a card with its state, its time and its trend", async () => {
  const requests = service(inTurn(report("healthy", "healthy")));
  render(<HealthPage />);
  await looks(3);
  expect(screen.getByTestId("health-overall").textContent).toBe("Everything is well.");
  expect(card("database").getByTestId("health-state").textContent).toBe("healthy");
  expect(card("database").getByTestId("health-latency").textContent).toBe("1.2 ms");
  expect(card("cache").getByRole("img", { name: "Trend: 0.3 ms to 0.3 ms; 4 of 4 looks found it healthy" })).toBeDefined();
  expect(card("api").getByTestId("health-latency").textContent).toMatch(/ms$/);
  expect(new Set(requests.map(({ path }) => path))).toEqual(new Set(["/health/all"]));
});

test("what is degraded, away or silent is shown, and goes when it is over", async () => {
  service(inTurn(report("healthy", "unhealthy"), report("unhealthy", "healthy", 503), () => "silence", report("healthy", "healthy")));
  render(<HealthPage />);
  await looks(0);
  await act(() => vi.advanceTimersByTimeAsync(0));
  expect(screen.getByTestId("health-overall").textContent).toContain("Degraded");
  expect(card("cache").getByTestId("health-state").textContent).toBe("unhealthy");
  await looks(1);
  expect(card("database").getByTestId("health-state").textContent).toBe("unhealthy");
  await looks(1);
  expect(screen.getByTestId("health-overall").textContent).toContain("does not answer");
  expect(card("api").getByTestId("health-state").textContent).toBe("unhealthy");
  expect(card("database").getByTestId("health-state").textContent).toBe("unknown");
  await looks(1);
  expect(screen.getByTestId("health-overall").textContent).toBe("Everything is well.");
  expect(card("cache").getByRole("img").getAttribute("aria-label")).toContain("2 of 4 looks");
});

test("only the last minutes are kept", async () => {
  service(inTurn(report("healthy", "healthy")));
  render(<HealthPage />);
  await act(() => vi.advanceTimersByTimeAsync((MOST_SAMPLES + 10) * SECONDS_BETWEEN_SAMPLES * 1000));
  expect(card("cache").getByRole("img").getAttribute("aria-label")).toContain(`of ${String(MOST_SAMPLES)} looks`);
});

test("a header that says nothing of use gives no times", () => {
  expect(timingsOf("")).toEqual(new Map());
  expect(timingsOf("cdn, database;desc=x, cache;dur=2")).toEqual(new Map([["cache", 2]]));
});
