import { EChart, enableDataZoom } from "@perses-dev/components";
import type { ECharts } from "echarts/core";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { go, link } from "../address.ts";
import type { Panel } from "../dashboards/model.ts";
import { shown } from "../format.ts";
import type { Event, Exemplar, Series } from "../stores/prometheus.ts";
import { fixed, type Window } from "../time/range.ts";
import { goTo } from "../time/TimeControls.tsx";
import { useTheme } from "../ui/theme.ts";
import { last, linesOf, type Line } from "./lines.ts";
import { optionOf } from "./option.ts";
import { PersesTheme } from "./PersesTheme.tsx";

interface Properties {
  panel: Panel;
  series: Series[][];
  window: Window;
  events: Event[];
  dots: Exemplar[];
}

const SLOWEST = 5;
// All charts of a page move one cross-hair.
const GROUP = "console";
const FILL = { width: "100%", height: "100%" } as const;

export default function GraphBody({ panel, series, window, events, dots }: Properties) {
  const isDark = useTheme() === "dark";
  const chart = useRef<ECharts | undefined>(undefined);
  const box = useRef<HTMLDivElement>(null);
  const [only, setOnly] = useState<string | undefined>();
  const [width, setWidth] = useState<number | undefined>();
  const lines = useMemo(() => linesOf(panel, series), [panel, series]);
  const seen = useMemo(() => lines.filter(({ name }) => only === undefined || name === only), [lines, only]);
  const option = useMemo(
    () => optionOf({ lines: seen, window, unit: panel.unit, stack: panel.stack, max: panel.max, events, dots, ...(width ? { width } : {}) }, isDark),
    [seen, window, panel, events, dots, isDark, width],
  );

  const ready = useCallback((instance: ECharts) => {
    chart.current = instance;
    instance.on("click", (event) => {
      const { traceId } = (event.data ?? {}) as { traceId?: string };
      if (traceId) go(link(`trace/${traceId}`));
    });
    instance.on("datazoom", (event) => {
      const { startValue, endValue } = (event as { batch?: { startValue?: number; endValue?: number }[] }).batch?.[0] ?? {};
      if (startValue !== undefined && endValue !== undefined) goTo(fixed(startValue, endValue));
    });
    instance.on("finished", () => {
      enableDataZoom(instance);
    });
  }, []);

  useEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(([entry]) => {
      chart.current?.resize();
      setWidth(Math.round(entry?.contentRect.width ?? 0));
    });
    observer.observe(box.current);
    return () => {
      observer.disconnect();
    };
  }, []);

  return (
    <>
      <div className="chart" ref={box}>
        <PersesTheme>
          <EChart key={isDark ? "dark" : "light"} option={option} sx={FILL} syncGroup={GROUP} onChartInitialized={ready} />
        </PersesTheme>
      </div>
      <Legend lines={lines} panel={panel} only={only} onChoose={setOnly} />
      {dots.length > 0 && <Slowest dots={dots} panel={panel} />}
    </>
  );
}

function Legend({
  lines,
  panel,
  only,
  onChoose,
}: {
  lines: Line[];
  panel: Panel;
  only: string | undefined;
  onChoose: (name: string | undefined) => void;
}) {
  return (
    <ul className="legend">
      {lines.map(({ name, colour, isDashed, points }, index) => {
        const value = last(points);
        return (
          <li key={`${name} ${index}`}>
            <button
              type="button"
              className="quiet"
              aria-pressed={only === name}
              title="Show this one alone"
              onClick={() => {
                onChoose(only === name ? undefined : name);
              }}
            >
              <i className={isDashed ? "dashed" : ""} style={{ color: colour }} />
              {name} <b>{value === undefined ? "–" : shown(value, panel.unit)}</b>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** The dots that matter most, for whoever cannot hit one. */
function Slowest({ dots, panel }: { dots: Exemplar[]; panel: Panel }) {
  const slowest = [...dots].sort((a, b) => b.value - a.value).slice(0, SLOWEST);
  return (
    <p className="slowest">
      slowest traces{" "}
      {slowest.map(({ traceId, value }) => (
        <a key={traceId} href={link(`trace/${traceId}`)} data-trace={traceId}>
          {shown(value, panel.unit)}
        </a>
      ))}
    </p>
  );
}
