/** An answer which is not the wanted one, as problem+json (RFC 9457) tells it, or no answer at all. */
export interface FieldProblem {
  field: string;
  message: string;
}

/** Status of a call that nobody answered. */
export const NO_ANSWER = 0;

/** Answers that say nothing about whether the call took effect, and may be different the next time. */
const PASSING = new Set([NO_ANSWER, 502, 503, 504]);

export class Problem extends Error {
  readonly status: number;
  readonly fields: FieldProblem[];
  readonly retryAfterSeconds: number | null;

  constructor(status: number, detail: string, fields: FieldProblem[] = [], retryAfterSeconds: number | null = null) {
    super(detail);
    this.name = "Problem";
    this.status = status;
    this.fields = fields;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get isPassing(): boolean {
    return PASSING.has(this.status);
  }
}

export function unanswered(): Problem {
  return new Problem(NO_ANSWER, "The service did not answer.");
}

export async function problemOf(response: Response): Promise<Problem> {
  const body = record(await response.json().catch(() => null));
  const detail = text(body.detail) || text(body.title) || `The service answered with status ${response.status}.`;
  return new Problem(response.status, detail, fieldProblems(body.errors), retryAfter(response.headers));
}

function fieldProblems(errors: unknown): FieldProblem[] {
  if (!Array.isArray(errors)) return [];
  return errors.map(record).map((error) => ({
    field: lastSegment(text(error.pointer)),
    message: text(error.detail),
  }));
}

function lastSegment(pointer: string): string {
  return pointer.slice(pointer.lastIndexOf("/") + 1);
}

function retryAfter(headers: Headers): number | null {
  const seconds = Number(headers.get("Retry-After") ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds : null;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
