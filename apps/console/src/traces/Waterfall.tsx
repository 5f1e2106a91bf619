import type { otlptracev1 } from "@perses-dev/core";
import { BuiltinVariableContext, VariableContext } from "@perses-dev/plugin-system";
// Only the chart: the package's own door would bring the whole dashboard with it.
import { TracingGanttChart } from "@perses-dev/tracing-gantt-chart-plugin/lib/TracingGanttChart/TracingGanttChart";

import { PersesTheme } from "../charts/PersesTheme.tsx";
import type { OtlpTrace } from "../stores/jaeger.ts";

// The chart replaces variables of a Perses dashboard in its links; there are none here.
const NO_VARIABLES = { state: {} } as never;
const NO_BUILTINS = { variables: [] } as never;

export default function Waterfall({ trace }: { trace: OtlpTrace }) {
  return (
    <PersesTheme>
      <VariableContext.Provider value={NO_VARIABLES}>
        <BuiltinVariableContext.Provider value={NO_BUILTINS}>
          <TracingGanttChart
            options={{ visual: { palette: { mode: "categorical" } } }}
            trace={trace as unknown as otlptracev1.TracesData}
          />
        </BuiltinVariableContext.Provider>
      </VariableContext.Provider>
    </PersesTheme>
  );
}
