import { expect, test, vi } from "vitest";

import { told } from "../ask.ts";
import { facts, isTraceId, summary, trace, withIds, type OtlpTrace } from "./jaeger.ts";

const ID = "c4bd9dd0d4fb68f8cbfad03c982dad7c";
const service = (name: string) => ({ attributes: [{ key: "service.name", value: { stringValue: name } }] });
const span = (spanId: string, name: string, start: string, end: string) => ({
  traceId: ID,
  spanId,
  name,
  startTimeUnixNano: start,
  endTimeUnixNano: end,
});

// As Jaeger answers: resources in no order, no parent for the root, the status as a number or empty.
const ANSWER: OtlpTrace = {
  resourceSpans: [
    {
      resource: service("api-gateway"),
      scopeSpans: [
        {
          spans: [
            {
              ...span("b", "INSERT", "1795959342700000000", "1795959342720000000"),
              parentSpanId: "a",
              status: { code: 2, message: "deadlock" },
            },
          ],
        },
      ],
    },
    {
      resource: service("edge"),
      scopeSpans: [
        { spans: [{ ...span("a", "POST /", "1795959342693000000", "1795959342725000000"), parentSpanId: "0000000000000000", status: {} }] },
      ],
    },
  ],
};

test("what stands above a waterfall comes from the trace", () => {
  const { window, spans, errors, services } = facts(withIds(ANSWER));
  expect(window.end - window.start).toBeCloseTo(32, 1);
  expect({ spans, errors, services }).toEqual({ spans: 2, errors: ["api-gateway: INSERT – deadlock"], services: ["edge", "api-gateway"] });
});

test("a root has no parent, and a status is a word", () => {
  const [gateway, edge] = withIds(ANSWER).resourceSpans.map(({ scopeSpans }) => scopeSpans[0]?.spans[0]);
  expect(edge).not.toHaveProperty("parentSpanId");
  expect(gateway).toMatchObject({ parentSpanId: "a", status: { code: "STATUS_CODE_ERROR" } });
});

test("a line of the list names root, duration, errors and services in their order", () => {
  const process = (
    operationName: string,
    processID: string,
    startTime: number,
    duration: number,
    isChild: boolean,
    tags: { key: string; value: unknown }[] = [],
  ) => ({
    operationName,
    processID,
    startTime,
    duration,
    tags,
    references: isChild ? [{ refType: "CHILD_OF", spanID: "a" }] : [],
  });
  const spans = [
    process("INSERT", "p2", 1_000_100, 200, true, [{ key: "error", value: true }]),
    process("POST /", "p1", 1_000_000, 500, false),
  ];
  const found = { traceID: ID, spans, processes: { p1: { serviceName: "edge" }, p2: { serviceName: "api-gateway" } } };
  expect(summary(found)).toEqual({
    id: ID,
    service: "edge",
    name: "POST /",
    start: 1000,
    seconds: 0.0005,
    spans: 2,
    errors: 1,
    services: ["edge", "api-gateway"],
  });
});

test.each([
  [ID, true],
  [ID.slice(16), true],
  [ID.slice(1), false],
  ["../services", false],
])("%s as a trace id: %s", (text, isRight) => {
  expect(isTraceId(text)).toBe(isRight);
});

test("a trace that is not there is told in words", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response('{"error":{"httpCode":404,"message":"No traces found"}}', { status: 404 })));
  expect(await trace("/jaeger", ID).catch(told)).toBe(`No trace ${ID}: not sampled, not here yet, or older than what is kept`);
  expect(await trace("/jaeger", "x").catch(told)).toContain("is no trace id");
});
