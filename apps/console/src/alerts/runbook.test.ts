import { expect, test } from "vitest";

import { DEFAULTS } from "../config.ts";
import { runbookOf } from "./AlertsView.tsx";

const config = { ...DEFAULTS, endpoints: { ...DEFAULTS.endpoints, runbooks: "https://docs.example.com/" } };

test.each([
  [{ runbook_url: "https://example.com/a.md" }, "https://example.com/a.md"],
  [{ runbook: "alerts/disk.md" }, "https://docs.example.com/alerts/disk.md"],
  [{ runbook_url: "javascript:alert(1)" }, undefined],
  [{}, undefined],
])("%j leads to %s", (annotations: Record<string, string>, address) => {
  expect(runbookOf({ annotations }, config)).toBe(address);
});
