import { useAddress } from "../address.ts";
import { rangeOf, refreshOf, type Range } from "./range.ts";

export interface Time {
  range: Range;
  /** Milliseconds, or false for never: what react-query takes. */
  refresh: number | false;
  /** Part of the key of whatever depends on the time. */
  key: string;
}

export function useTime(): Time {
  const { parameters } = useAddress();
  const range = rangeOf(parameters);
  return { range, refresh: refreshOf(parameters) || false, key: `${range.from} ${range.to}` };
}
