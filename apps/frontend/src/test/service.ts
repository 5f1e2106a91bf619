import { vi } from "vitest";

export interface Request {
  method: string;
  path: string;
  headers: Headers;
  body: unknown;
}

/** An answer, or "silence": the connection breaks. */
export type Reply = Response | "silence";

/** Takes the place of `fetch`: answers as `respond` says, and keeps what it was asked. */
export function service(respond: (request: Request) => Reply): Request[] {
  const requests: Request[] = [];
  vi.stubGlobal("fetch", (path: string, init: RequestInit = {}) => {
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    const request = { method: init.method ?? "GET", path, headers: new Headers(init.headers), body };
    requests.push(request);
    const reply = respond(request);
    return reply === "silence" ? Promise.reject(new TypeError("network error")) : Promise.resolve(reply);
  });
  return requests;
}

/** Gives the replies in turn; the last one again and again. */
export function inTurn(...replies: (() => Reply)[]): () => Reply {
  let next = 0;
  return () => {
    const reply = replies[Math.min(next, replies.length - 1)];
    next += 1;
    return reply ? reply() : "silence";
  };
}

export function problem(status: number, detail = "", more: object = {}, headers: Record<string, string> = {}): Response {
  return Response.json({ type: "about:blank", status, detail, ...more }, { status, headers });
}
