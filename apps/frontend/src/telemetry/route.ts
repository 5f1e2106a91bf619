// The words of the API's own paths; whatever else stands in one names a customer's thing.
const WORD = /^[a-z][a-z-]{0,30}(\.json)?$/;

/** The path without its query, and with `{id}` in place of what is not a word of the API. */
export function routeOf(path: string): string {
  const [plain = ""] = path.split(/[?#]/);
  return plain
    .split("/")
    .map((part) => (part === "" || WORD.test(part) ? part : "{id}"))
    .join("/");
}
