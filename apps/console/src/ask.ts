/** What went wrong, in one line that can be shown as it is. */
export class Trouble extends Error {}

// A browser breaks off what it asks when a network of its machine comes or goes.
const AGAIN_AFTER_MS = 300;

async function answerOf(tool: string, url: string, signal: AbortSignal | undefined, isLast = false): Promise<Response> {
  try {
    return await fetch(url, { headers: { Accept: "application/json" }, ...(signal ? { signal } : {}) });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (isLast) throw new Trouble(`${tool} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
    return answerOf(tool, url, signal, true);
  }
}

/** The answer of one of the tools as text. `tool` is its name in messages. */
export async function askText(tool: string, url: string, signal?: AbortSignal): Promise<string> {
  const answer = await answerOf(tool, url, signal);
  if (answer.redirected && new URL(answer.url).pathname.startsWith("/login")) throw new Trouble("You are logged out: load the page anew");
  const text = await answer.text();
  if (answer.ok) return text;
  if (answer.status === 401) throw new Trouble("You are logged out: load the page anew");
  if (answer.status >= 502) throw new Trouble(`${tool} does not answer`);
  throw new Trouble(`${tool} refused: ${reason(text) || `status ${answer.status}`}`);
}

export async function askJson(tool: string, url: string, signal?: AbortSignal): Promise<unknown> {
  const text = await askText(tool, url, signal);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Trouble(`${tool} answered something else than JSON`);
  }
}

/** The tools name their reason in different places; a page of HTML is none. */
function reason(text: string): string {
  try {
    const body = JSON.parse(text) as { error?: unknown; message?: unknown; detail?: unknown };
    const error = typeof body.error === "object" && body.error !== null ? (body.error as { message?: unknown }).message : body.error;
    const said = [error, body.message, body.detail].find((value) => typeof value === "string");
    return typeof said === "string" ? firstLine(said) : "";
  } catch {
    return text.trimStart().startsWith("<") ? "" : firstLine(text);
  }
}

const firstLine = (text: string): string => (text.trim().split("\n")[0] ?? "").slice(0, 200);

export function told(error: unknown): string {
  return error instanceof Trouble ? error.message : `The console failed: ${error instanceof Error ? error.message : String(error)}`;
}
