"""The counting mode: sends, switches, and accounts for every request."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Coroutine, Iterable
from typing import Any, Protocol, TypeVar

import uvloop

from counting_client.caller import Caller
from counting_client.config import ClientConfig
from counting_client.course import Course
from counting_client.event_keeper import EventKeeper
from counting_client.live_line import LiveLine
from counting_client.loop_watch import LoopWatch
from counting_client.message import CountedPost
from counting_client.posting import Attempt, post_all_the_time, post_now_and_then
from counting_client.report import Report
from counting_client.switch_driver import PlannedSwitch, SwitchDriver
from counting_client.tally import Tally
from counting_client.traffic import Traffic
from counting_client.uploader import Uploader
from counting_client.websocket_keeper import WebSocketKeeper

_LOOK_EVERY = 0.1
_Result = TypeVar("_Result")


class _Closable(Protocol):
    def close(self) -> None: ...


class CountingClient:
    def __init__(self, config: ClientConfig, switches: Iterable[PlannedSwitch] = ()) -> None:
        config.check()
        self._config = config
        self._plan = list(switches)
        self._ended = asyncio.Event()

    def run(self) -> Report:
        return run_in_fast_loop(self.count())

    def stop(self) -> None:
        """End early; what is out is still waited for."""
        self._ended.set()

    async def count(self) -> Report:
        config = self._config
        tally = Tally(Traffic(config.weights), secrets.token_hex(4), config.colour_header, config.id_header)
        course = Course(config, tally, self._ended)
        watch, driver = LoopWatch(), SwitchDriver(self._plan, tally)
        cpu = time.process_time()
        crew = _Crew(course)
        work = [asyncio.create_task(one) for one in crew.work]
        switching = asyncio.create_task(driver.run())
        aside = [asyncio.create_task(watch.run())]
        if config.live:
            aside.append(asyncio.create_task(LiveLine(tally).run()))
        await course.pause(config.seconds)
        while tally.answered < config.requests and tally.silence < config.timeout and not course.over:
            await course.pause(_LOOK_EVERY)
        self._ended.set()
        driver.stop()
        if work:
            await asyncio.wait(work, timeout=config.timeout + 1.0)
        await switching
        for task in [*work, *aside]:
            task.cancel()
        finished = await asyncio.gather(*work, *aside, return_exceptions=True)
        crew.close()
        for result in finished:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result
        return Report.of_run(tally, watch.longest_lag, time.process_time() - cpu, config.around)


class _Crew:
    """Everybody who takes part in a run."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._post = CountedPost(course.config)
        self._members: list[_Closable] = []
        self.work: list[Coroutine[Any, Any, None]] = []
        config = course.config
        self.work += [post_all_the_time(course, number, self._http1("busy", number)) for number in range(config.busy)]
        self.work += [post_now_and_then(course, number, self._http1("idle", number)) for number in range(config.idle)]
        for connection in range(config.http2_connections):
            attempt = self._http2(connection)
            first = config.busy + connection * config.http2_streams
            self.work += [post_all_the_time(course, first + stream, attempt) for stream in range(config.http2_streams)]
        for kind, count in ((WebSocketKeeper, config.websockets), (EventKeeper, config.event_streams), (Uploader, config.uploads)):
            for number in range(count):
                member = kind(number, course)
                self._members.append(member)
                self.work.append(member.work())

    def close(self) -> None:
        for member in self._members:
            member.close()

    def _http1(self, kind: str, number: int) -> Attempt:
        course = self._course
        caller = Caller(kind, number, target=course.config.target, tls=course.tls, tally=course.tally, timeout=course.config.timeout)
        self._members.append(caller)
        return lambda pause: caller.attempt(lambda request: self._post(request.id), pause)

    def _http2(self, number: int) -> Attempt:
        # Here, so that who wants no HTTP/2 does not need the package h2.
        from counting_client.http2_caller import Http2Caller  # noqa: PLC0415

        caller = Http2Caller(number, self._course, self._course.config.target.http2_tls(), self._post)
        self._members.append(caller)
        return caller.attempt


def run_in_fast_loop(work: Coroutine[Any, Any, _Result]) -> _Result:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
