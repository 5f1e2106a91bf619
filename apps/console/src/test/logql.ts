import { parser } from "@grafana/lezer-logql";

/** Where Loki's own grammar finds a mistake. */
export function mistakes(logql: string): number[] {
  const found: number[] = [];
  parser.parse(logql).iterate({
    enter: ({ type, from }) => {
      if (type.isError) found.push(from);
    },
  });
  return found;
}
