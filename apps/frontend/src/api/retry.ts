import type { Problem } from "./problem";

/** How long a call goes on trying while its problem may pass. */
export const PATIENCE_MS = 60_000;

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;

export interface Retry {
  attempt: number;
  problem: Problem;
}

/** The pause before the next attempt; null once the patience is used up or when trying again cannot help. */
export function pauseBeforeRetry({ attempt, problem }: Retry, elapsedMs: number, random = Math.random()): number | null {
  if (!problem.isPassing) return null;
  const grown = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
  const asked = (problem.retryAfterSeconds ?? 0) * 1_000;
  // Clients that failed together must not come back together.
  const pause = Math.max(grown, asked) * (1 + random / 4);
  return elapsedMs + pause > PATIENCE_MS ? null : pause;
}
