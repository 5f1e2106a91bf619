import { useIsFetching, useQueryClient } from "@tanstack/react-query";
import { useState, type SyntheticEvent } from "react";

import { changed, go, useAddress } from "../address.ts";
import { clock } from "../format.ts";
import { DEFAULT_REFRESH, fixed, isRight, rangeOf, wider, windowOf, type Range } from "./range.ts";

const LAST: readonly (readonly [string, string])[] = [
  ["now-5m", "5 minutes"],
  ["now-15m", "15 minutes"],
  ["now-1h", "1 hour"],
  ["now-3h", "3 hours"],
  ["now-12h", "12 hours"],
  ["now-1d", "1 day"],
  ["now-7d", "7 days"],
];
const REFRESH: readonly (readonly [string, string])[] = [
  ["0s", "off"],
  ["5s", "5 s"],
  ["15s", "15 s"],
  ["1m", "1 min"],
];
const OTHER = "other";

export function goTo(range: Range): void {
  go(changed({ from: range.from, to: range.to }));
}

export function TimeControls() {
  const { parameters } = useAddress();
  const range = rangeOf(parameters);
  const client = useQueryClient();
  const isBusy = useIsFetching() > 0;
  const [isOpen, setOpen] = useState(false);
  const isLast = range.to === "now" && LAST.some(([from]) => from === range.from);
  const window = windowOf(range);

  const choose = (from: string): void => {
    setOpen(from === OTHER);
    if (from !== OTHER) goTo({ from, to: "now" });
  };

  return (
    <div className="time">
      <button
        type="button"
        className="quiet"
        onClick={() => {
          goTo(wider(window));
        }}
        aria-label="Twice as long"
        title="Twice as long"
      >
        −
      </button>
      <label>
        <span className="hidden">Time range</span>
        <select
          value={isLast ? range.from : OTHER}
          onChange={(event) => {
            choose(event.target.value);
          }}
        >
          {LAST.map(([from, label]) => (
            <option key={from} value={from}>
              last {label}
            </option>
          ))}
          <option value={OTHER}>
            {isLast ? "from … to …" : `${clock(window.start)} – ${range.to === "now" ? "now" : clock(window.end)}`}
          </option>
        </select>
      </label>
      {!isLast && (
        <button
          type="button"
          className="quiet"
          onClick={() => {
            setOpen(!isOpen);
          }}
          aria-label="Choose from and to"
          title="Choose from and to"
        >
          ✎
        </button>
      )}
      <label title="How often everything is asked anew; only where the range ends now">
        <span aria-hidden="true">↻</span>
        <span className="hidden">Refresh</span>
        <select
          value={parameters.get("refresh") ?? DEFAULT_REFRESH}
          onChange={(event) => {
            go(changed({ refresh: event.target.value }), true);
          }}
          disabled={range.to !== "now"}
        >
          {REFRESH.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        className="quiet"
        onClick={() => void client.invalidateQueries()}
        aria-label="Ask anew"
        title="Ask anew"
        disabled={isBusy}
      >
        {isBusy ? "…" : "⟳"}
      </button>
      {isOpen && (
        <FromTo
          range={range}
          onDone={() => {
            setOpen(false);
          }}
        />
      )}
    </div>
  );
}

/** What an input of type datetime-local takes: local time without a zone. */
const local = (milliseconds: number): string =>
  new Date(milliseconds - new Date(milliseconds).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);

function FromTo({ range, onDone }: { range: Range; onDone: () => void }) {
  const window = windowOf(range);
  const [from, setFrom] = useState(local(window.start));
  const [to, setTo] = useState(local(window.end));
  const chosen = { from: new Date(from).getTime(), to: new Date(to).getTime() };
  const isWrong = !isRight({ from: String(chosen.from), to: String(chosen.to) });

  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    goTo(fixed(chosen.from, chosen.to));
    onDone();
  };

  return (
    <form className="from-to" onSubmit={submit}>
      <label>
        from{" "}
        <input
          type="datetime-local"
          step="1"
          value={from}
          onChange={(event) => {
            setFrom(event.target.value);
          }}
        />
      </label>
      <label>
        to{" "}
        <input
          type="datetime-local"
          step="1"
          value={to}
          onChange={(event) => {
            setTo(event.target.value);
          }}
        />
      </label>
      <button type="submit" disabled={isWrong}>
        Show
      </button>
    </form>
  );
}
