import { expect, test, vi } from "vitest";

import { askJson, told } from "./ask.ts";

const answer = (body: string, status = 200): void => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(body, { status })));
};
const asked = (): Promise<string> => askJson("Prometheus", "/prometheus/api/v1/query").then(JSON.stringify, told);

test.each([
  ["", 502, "Prometheus does not answer"],
  ["<html>away</html>", 503, "Prometheus does not answer"],
  ["", 401, "You are logged out: load the page anew"],
  ['{"status":"error","error":"parse error: unclosed"}', 400, "Prometheus refused: parse error: unclosed"],
  ['{"error":{"httpCode":404,"message":"No traces found"}}', 404, "Prometheus refused: No traces found"],
  ["cannot parse query\nin two lines", 400, "Prometheus refused: cannot parse query"],
  ["<html>no</html>", 404, "Prometheus refused: status 404"],
  ["<html>login</html>", 200, "Prometheus answered something else than JSON"],
  ['{"a":1}', 200, '{"a":1}'],
])("%j with status %i is told as: %s", async (body, status, line) => {
  answer(body, status);
  expect(await asked()).toBe(line);
});

test("no answer at all is told in one line", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  expect(await asked()).toBe("Prometheus does not answer");
});

test("what broke off once is asked for once more", async () => {
  const fetch = vi
    .fn<() => Promise<Response>>()
    .mockRejectedValueOnce(new TypeError("network changed"))
    .mockResolvedValueOnce(new Response("{}"));
  vi.stubGlobal("fetch", fetch);
  expect(await asked()).toBe("{}");
});
