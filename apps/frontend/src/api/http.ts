import { ask } from "./ask";
import { type Problem, problemOf, unanswered } from "./problem";
import { observeApi } from "./release";
import { type Retry, pauseBeforeRetry } from "./retry";

const ANSWER_DEADLINE_MS = 15_000;
const NO_CONTENT = 204;

export interface Call {
  method: "GET" | "POST";
  path: string;
  body?: unknown;
  token?: string;
  idempotencyKey?: string;
  signal?: AbortSignal;
}

/** One attempt: the decoded answer, or a thrown Problem. An abort by the caller stays an abort. */
export async function attempt<Answer>(call: Call): Promise<Answer> {
  const deadline = AbortSignal.timeout(ANSWER_DEADLINE_MS);
  let response: Response;
  try {
    response = await ask(call.path, {
      method: call.method,
      headers: headersOf(call),
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal: call.signal ? AbortSignal.any([call.signal, deadline]) : deadline,
    });
    observeApi(response.headers);
    if (response.ok) return (response.status === NO_CONTENT ? undefined : await response.json()) as Answer;
  } catch {
    call.signal?.throwIfAborted();
    throw unanswered();
  }
  throw await problemOf(response);
}

/** Tries again while the problem may pass. Only for calls which may safely arrive twice. */
export async function persist<Answer>(call: Call, onRetry: (retry: Retry) => void): Promise<Answer> {
  const start = performance.now();
  for (let count = 1; ; count++) {
    try {
      return await attempt<Answer>(call);
    } catch (error) {
      call.signal?.throwIfAborted();
      const retry = { attempt: count, problem: error as Problem };
      const pause = pauseBeforeRetry(retry, performance.now() - start);
      if (pause === null) throw error;
      onRetry(retry);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function headersOf(call: Call): Record<string, string> {
  return {
    Accept: "application/json, application/problem+json",
    ...(call.body === undefined ? {} : { "Content-Type": "application/json" }),
    ...(call.token ? { Authorization: `Bearer ${call.token}` } : {}),
    ...(call.idempotencyKey ? { "Idempotency-Key": call.idempotencyKey } : {}),
  };
}
