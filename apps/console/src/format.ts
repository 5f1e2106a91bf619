/** What the numbers of a panel are. */
export type Unit = "count" | "percent" | "ratio" | "seconds" | "bytes" | "per_second" | "bytes_per_second" | "date";

export const UNITS: readonly Unit[] = ["count", "percent", "ratio", "seconds", "bytes", "per_second", "bytes_per_second", "date"];

/** Three figures that count, and never an exponent: `0.0123`, `4.5`, `1,230`. */
export function plain(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString("en");
  if (size < 0.0005) return value < 0 ? ">-0.001" : "<0.001";
  const figures = size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return String(Number(value.toFixed(figures)));
}

export function duration(seconds: number): string {
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 0.001) return `${plain(seconds * 1e6)} µs`;
  if (size < 1) return `${plain(seconds * 1000)} ms`;
  if (size < 120) return `${plain(seconds)} s`;
  if (size < 7200) return `${plain(seconds / 60)} min`;
  if (size < 172_800) return `${plain(seconds / 3600)} h`;
  return `${plain(seconds / 86_400)} d`;
}

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(value: number): string {
  let size = value;
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < SIZES.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${plain(size)} ${SIZES[unit] ?? ""}`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** Local time; the day only where it is another one. */
export function clock(milliseconds: number, now: number = Date.now()): string {
  const at = new Date(milliseconds);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return at.toDateString() === new Date(now).toDateString() ? time : `${day(at)} ${time}`;
}

const day = (at: Date): string => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;

export function shown(value: number, unit: Unit): string {
  switch (unit) {
    case "percent":
      return `${plain(value)} %`;
    case "ratio":
      return `${plain(value * 100)} %`;
    case "seconds":
      return duration(value);
    case "bytes":
      return bytes(value);
    case "per_second":
      return `${plain(value)}/s`;
    case "bytes_per_second":
      return `${bytes(value)}/s`;
    case "date":
      return clock(value * 1000);
    case "count":
      return plain(value);
  }
}
