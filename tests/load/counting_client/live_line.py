"""One line a second that says how the run goes."""

from __future__ import annotations

import asyncio
import sys
import time

from counting_client.account import is_good
from counting_client.tally import SLICE, Tally


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
        accounts = tally.accounts.values()
        answered = tally.answered
        rate = (answered - self._answered) / max(now - self._since, 1e-9)
        self._answered, self._since = answered, now
        bad = sum(count for account in accounts for status, count in account.by_status.items() if not is_good(status))
        parts = [
            f"{now - tally.began:5.0f} s",
            f"{rate:7,.0f}/s",
            f"answered {answered:,}",
            f"lost {sum(account.lost.total() for account in accounts)}",
            f"bad status {bad}",
            f"wrong colour {sum(account.wrong_colour for account in accounts)}",
            f"reopened {sum(account.reopened for account in accounts)}",
        ]
        if tally.sessions:
            opened = sum(sessions.opened for sessions in tally.sessions.values())
            broken = sum(sessions.broken for sessions in tally.sessions.values())
            parts.append(f"sessions {opened - broken}, broken {broken}")
        parts += [f"switches {len(tally.traffic.switches)}", f"[{self._colours(now)}]   "]
        return "  ".join(parts)

    def _colours(self, now: float) -> str:
        """Of the last whole slice."""
        last = self._tally.slices.get(int((now - self._tally.began) / SLICE) - 1)
        return " ".join(f"{colour or 'none'} {count}" for colour, count in sorted(last.by_colour.items())) if last else ""
