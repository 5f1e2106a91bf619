import { seriesName, type Panel } from "../dashboards/model.ts";
import type { Series } from "../stores/prometheus.ts";

export interface Line {
  name: string;
  colour: string;
  /** The second query of a panel that shows colours, as p99 beside p50. */
  isDashed: boolean;
  points: [number, number | null][];
}

/** Blue is blue on every chart, and green green. */
const COLOURS: Record<string, string> = { blue: "#4f9df0", green: "#3dbb72" };
// Told apart by those who do not see all colours, too; neither blue nor green is among them.
const OTHERS = ["#e69f00", "#cc79a7", "#56b4e9", "#d55e00", "#b8a9f0", "#f0e442", "#8c9aa8", "#1fb5a8"];
const BAD = "#ef5350";
// What has a meaning has its own colour wherever it is met.
const MEANT: Record<string, string> = {
  "2xx": "#3dbb72",
  "3xx": "#56b4e9",
  "4xx": "#e69f00",
  "5xx": BAD,
  failed: BAD,
  processed: "#3dbb72",
};

export function linesOf(panel: Panel, answers: Series[][]): Line[] {
  let others = 0;
  return panel.queries.flatMap(({ legend }, query) =>
    [...(answers[query] ?? [])]
      .map((one) => ({ ...one, name: seriesName(legend, one.labels) }))
      .sort((a, b) => a.name.localeCompare(b.name))
      .map(({ labels, points, name }): Line => {
        const fixed = COLOURS[labels.colour ?? labels.from ?? ""];
        const colour = fixed ?? MEANT[name] ?? OTHERS[others++ % OTHERS.length] ?? BAD;
        return { name, colour, points, isDashed: fixed !== undefined && query > 0 };
      }),
  );
}

/** The newest value that there is. */
export function last(points: Line["points"]): number | undefined {
  for (let index = points.length - 1; index >= 0; index -= 1) {
    const value = points[index]?.[1];
    if (typeof value === "number") return value;
  }
  return undefined;
}
