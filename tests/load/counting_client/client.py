"""The counting mode: sends, switches, and accounts for every request."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

import uvloop

from counting_client.caller import Caller
from counting_client.config import ClientConfig
from counting_client.live_line import LiveLine
from counting_client.loop_watch import LoopWatch
from counting_client.message import CountedPost
from counting_client.pauses import idle_pauses
from counting_client.report import Report
from counting_client.switch_driver import PlannedSwitch, SwitchDriver
from counting_client.tally import Request, Tally
from counting_client.traffic import Traffic

# Idle connections begin spread over this time and end before the run does.
_SPREAD = 2.0
_Result = TypeVar("_Result")


class CountingClient:
    def __init__(self, config: ClientConfig, switches: Iterable[PlannedSwitch] = ()) -> None:
        self._config = config
        self._plan = list(switches)
        self._post = CountedPost(config)
        self._tls = config.target.tls()
        self._over = asyncio.Event()

    def run(self) -> Report:
        return run_in_fast_loop(self.count())

    def stop(self) -> None:
        """End early; what is out is still waited for."""
        self._over.set()

    async def count(self) -> Report:
        config = self._config
        tally = Tally(Traffic(config.weights), secrets.token_hex(4), config.colour_header, config.id_header)
        watch, driver = LoopWatch(), SwitchDriver(self._plan, tally)
        cpu = time.process_time()
        callers = [Caller(f"busy {number}", config.target, self._tls, tally, config.timeout) for number in range(config.busy)]
        idlers = [Caller(f"idle {number}", config.target, self._tls, tally, config.timeout) for number in range(config.idle)]
        work = [asyncio.create_task(self._busy(number, caller, tally.began)) for number, caller in enumerate(callers)]
        work += [asyncio.create_task(self._idle(number, caller)) for number, caller in enumerate(idlers)]
        switching = asyncio.create_task(driver.run())
        aside = [asyncio.create_task(watch.run())]
        if config.live:
            aside.append(asyncio.create_task(LiveLine(tally).run()))
        await self._unless_over(config.seconds)
        self._over.set()
        driver.stop()
        await asyncio.wait(work, timeout=config.timeout + 1.0)
        await switching
        for task in [*work, *aside]:
            task.cancel()
        finished = await asyncio.gather(*work, *aside, return_exceptions=True)
        for caller in [*callers, *idlers]:
            caller.close()
        for result in finished:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result
        return Report.of(tally, watch.longest_lag, time.process_time() - cpu)

    async def _busy(self, number: int, caller: Caller, began: float) -> None:
        period = self._config.busy / self._config.rate if self._config.rate else 0.0
        due = began + period * number / self._config.busy
        while not self._over.is_set():
            if period:
                now = time.monotonic()
                await self._unless_over(due - now)
                # Missed slots are not made up for: the rate is a ceiling.
                due = max(due + period, now)
                if self._over.is_set():
                    return
            await caller.attempt(self._message)

    async def _idle(self, number: int, caller: Caller) -> None:
        config = self._config
        start = _SPREAD * number / max(config.idle, 1)
        await self._unless_over(start)
        await caller.attempt(self._message)
        for pause in idle_pauses(number, config.seconds - start - 1.0, config.longest_pause, config.seed):
            await self._unless_over(pause)
            if self._over.is_set():
                return
            await caller.attempt(self._message, pause)

    def _message(self, request: Request) -> bytes:
        return self._post(request.id)

    async def _unless_over(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), seconds)


def run_in_fast_loop(work: Coroutine[Any, Any, _Result]) -> _Result:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
