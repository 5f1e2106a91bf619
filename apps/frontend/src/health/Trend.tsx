import type { Reading } from "./sample";
import { MOST_SAMPLES } from "./useHealth";

const WIDTH = 300;
const HEIGHT = 48;
const STEP = WIDTH / MOST_SAMPLES;

interface TrendProps {
  readings: Reading[];
}

/** How long the answers took, the newest at the right; a bar where there was none. */
export function Trend({ readings }: TrendProps) {
  const known = readings.flatMap(({ milliseconds }) => (milliseconds === null ? [] : [milliseconds]));
  const most = Math.max(1, ...known);
  const first = MOST_SAMPLES - readings.length;
  const placed = readings.map((reading, index) => ({ ...reading, x: (first + index) * STEP }));
  // Where there was no answer, there is no line.
  const line = placed.map(({ state, milliseconds, x }, index) => {
    if (state !== "healthy" || milliseconds === null) return "";
    const follows = placed[index - 1]?.state === "healthy" && placed[index - 1]?.milliseconds !== null;
    return `${follows ? "L" : "M"}${(x + STEP / 2).toFixed(1)},${(HEIGHT - 3 - (milliseconds / most) * (HEIGHT - 8)).toFixed(1)}`;
  });
  return (
    <svg className="trend" viewBox={`0 0 ${String(WIDTH)} ${String(HEIGHT)}`} preserveAspectRatio="none" role="img" aria-label={inWords(readings, known)}>
      {placed.map(({ state, x }) => state !== "healthy" && <rect key={x} className={`trend-${state}`} x={x} y="0" width={STEP - 1} height={HEIGHT} />)}
      <path className="trend-line" d={line.join("")} />
    </svg>
  );
}

function inWords(readings: Reading[], known: number[]): string {
  const bad = readings.filter(({ state }) => state !== "healthy").length;
  const answers = `${String(readings.length - bad)} of ${String(readings.length)} looks found it healthy`;
  return known.length ? `Trend: ${shown(Math.min(...known))} to ${shown(Math.max(...known))}; ${answers}` : `Trend: ${answers}`;
}

export function shown(milliseconds: number): string {
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : milliseconds.toFixed(0)} ms`;
}
