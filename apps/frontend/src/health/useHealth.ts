import { useEffect, useState } from "react";

import { type Sample, takeSample } from "./sample";

export const SECONDS_BETWEEN_SAMPLES = 5;
/** Five minutes; they go with the page. */
export const MOST_SAMPLES = 60;

/** The samples of the last minutes, the newest last. A page that nobody sees asks nothing. */
export function useHealth(): Sample[] {
  const [samples, setSamples] = useState<Sample[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      if (!document.hidden) {
        const sample = await takeSample(stop.signal);
        setSamples((before) => [...before, sample].slice(-MOST_SAMPLES));
      }
      timer = setTimeout(lookAgain, SECONDS_BETWEEN_SAMPLES * 1000);
    };
    const lookAgain = () => {
      look().catch(() => undefined);
    };
    lookAgain();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, []);
  return samples;
}
