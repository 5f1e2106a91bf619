"""Switches traffic at given times while the client counts."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

from counting_client.tally import Tally


@dataclass(frozen=True, slots=True)
class Committed:
    """What a switch did. The earlier `when` (monotonic) is, as long as the commit had returned, the sharper the judgement."""

    weights: dict[str, int]
    when: float = field(default_factory=time.monotonic)


Act = Callable[[], Committed]


@dataclass(frozen=True, slots=True)
class PlannedSwitch:
    at: float
    act: Act


def every(seconds: float, acts: Sequence[Act], count: int) -> list[PlannedSwitch]:
    """The acts in turn, `count` of them."""
    return [PlannedSwitch(seconds * (turn + 1), act) for turn, act in enumerate(islice(cycle(acts), count))]


def command(line: str, weights: dict[str, int]) -> Act:
    """A switch by any shell command; when it exits 0 these weights are in force."""

    def act() -> Committed:
        subprocess.run(line, shell=True, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return Committed(weights)

    return act


class SwitchDriver:
    def __init__(self, plan: Iterable[PlannedSwitch], tally: Tally) -> None:
        self._plan = sorted(plan, key=lambda switch: switch.at)
        self._tally = tally
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """A switch that has begun is finished, no other begins."""
        self._stopped.set()

    async def run(self) -> None:
        for planned in self._plan:
            try:
                await asyncio.wait_for(self._stopped.wait(), max(0.0, self._tally.began + planned.at - time.monotonic()))
                return
            except TimeoutError:
                await self._switch(planned.act)

    async def _switch(self, act: Act) -> None:
        traffic = self._tally.traffic
        switch = traffic.begin(time.monotonic())
        try:
            committed = await asyncio.to_thread(act)
        except Exception as error:
            # Whatever a switch raises belongs in the report, and the count goes on.
            traffic.fail(switch, time.monotonic(), f"{type(error).__name__}: {error}")
        else:
            traffic.commit(switch, committed.when, committed.weights)
        self._tally.settle()
