import { expect, test } from "vitest";

import { mistakes } from "../test/logql.ts";
import { fromLoki, fromVictoriaLogs, loki, victoriaLogs, type LogQuestion } from "./logs.ts";

const ANY: LogQuestion = { text: "", service: "", severity: 0, traceId: "" };
const ALL: LogQuestion = { text: 'say "no" (1+1)', service: "api-gateway", severity: 17, traceId: "ab12" };

test("a question in LogsQL", () => {
  const { written } = victoriaLogs("/logs");
  expect(written(ANY)).toBe("*");
  expect(written(ALL)).toBe(
    String.raw`"service.name":="api-gateway" trace_id:="ab12" (severity_number:>=17 or severity_text:~"(?i)^(err|fatal|crit)") i("say \"no\" (1+1)")`,
  );
});

test("a question in LogQL, by its grammar", () => {
  const { written } = loki("/loki");
  expect(written(ANY)).toBe('{service_name=~".+"}');
  expect(written(ALL)).toBe(
    String.raw`{service_name="api-gateway"} |~ "(?i)say \"no\" \\(1\\+1\\)" | trace_id="ab12" | severity_number>=17 or severity_text=~"(?i)(err|fatal|crit).*"`,
  );
  expect(mistakes(written(ANY))).toEqual([]);
  expect(mistakes(written(ALL))).toEqual([]);
  expect(mistakes('{service_name="x" | json')).not.toEqual([]);
});

test("lines of VictoriaLogs, the newest first", () => {
  const text = [
    '{"_msg":"first","_time":"2026-11-29T13:35:50.5Z","_stream":"{}","service.name":"edge","severity_text":"info","trace_id":"00"}',
    '{"_msg":"second","_time":"2026-11-29T13:35:51Z","service.name":"edge","severity_text":"ERROR","trace_id":"ab","order_id":"7"}',
    "",
  ].join("\n");
  const [second, first] = fromVictoriaLogs(text);
  expect(first).toMatchObject({ message: "first", severity: "INFO", traceId: "", service: "edge" });
  expect(second).toMatchObject({ message: "second", severity: "ERROR", traceId: "ab", fields: { order_id: "7" } });
  expect(first?.fields).not.toHaveProperty("_stream");
});

test("lines of Loki are the same kind of lines", () => {
  const stream = { service_name: "edge", detected_level: "warn", trace_id: "ab" };
  const lines = fromLoki({ data: { result: [{ stream, values: [["1795959342693000000", "slow"]] }] } });
  expect(lines).toEqual([
    { at: 1_795_959_342_693, service: "edge", severity: "WARN", message: "slow", traceId: "ab", fields: expect.any(Object) as object },
  ]);
});
