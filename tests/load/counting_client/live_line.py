"""One line a second that says how the run goes."""

from __future__ import annotations

import asyncio
import sys
import time

from counting_client.tally import Tally


class LiveLine:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._answered = 0
        self._since = time.monotonic()

    async def run(self) -> None:
        ending = "\r" if sys.stderr.isatty() else "\n"
        while True:
            await asyncio.sleep(1.0)
            print(self.text(), end=ending, file=sys.stderr, flush=True)

    def text(self) -> str:
        tally, now = self._tally, time.monotonic()
        rate = (tally.answered - self._answered) / max(now - self._since, 1e-9)
        self._answered, self._since = tally.answered, now
        bad = sum(count for status, count in tally.by_status.items() if status >= 400)
        last = tally.seconds.get(int(now - tally.began) - 1)
        colours = " ".join(f"{colour or 'none'} {count}" for colour, count in sorted(last.by_colour.items())) if last else ""
        return (
            f"{now - tally.began:5.0f} s  {rate:7,.0f}/s  answered {tally.answered:,}  lost {sum(tally.lost.values())}  bad status {bad}"
            f"  wrong colour {tally.wrong_colour}  reopened {tally.reopened}  switches {len(tally.traffic.switches)}  [{colours}]   "
        )
