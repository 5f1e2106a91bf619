import { Problem, unanswered } from "../api/problem";
import type { Retry } from "../api/retry";

/** What a person reads for a problem; by status, where the service's own words would not do. */
export type Explanations = Partial<Record<number, string>>;

export function explain(problem: Problem, special: Explanations = {}): string {
  const words = special[problem.status];
  if (words) return words;
  if (problem.status === 429) return `Too many attempts. Please try again ${inTime(problem.retryAfterSeconds)}.`;
  if (problem.isPassing) return "The service cannot be reached at the moment. Please try again.";
  if (problem.status >= 500) return "Something went wrong on our side. Please try again.";
  return problem.message;
}

export function explainRetry({ attempt }: Retry): string {
  return `The service is briefly unavailable. We retry (attempt ${attempt + 1}) …`;
}

/** Whatever was thrown, as a Problem: an error of another kind is no answer either. */
export function asProblem(thrown: unknown): Problem {
  return thrown instanceof Problem ? thrown : unanswered();
}

function inTime(seconds: number | null): string {
  if (seconds === null) return "later";
  return seconds === 1 ? "in 1 second" : `in ${seconds} seconds`;
}
