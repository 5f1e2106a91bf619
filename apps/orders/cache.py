"""The cache that both colours share. It may be slow, hang or be away: whoever asks it has an answer, or none, within milliseconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from redis.exceptions import NoScriptError, RedisError

from orders.cache_connections import Command, Connections, exchange
from orders.settings import CacheSettings

log = logging.getLogger("orders")

# What a question may take: some twenty times what it usually does, since both sides share their processors with others. And how late a
# timer may be before it is this process that is slow, and not the cache.
LIMIT_SECONDS = 0.02
_STALL_SECONDS = 0.002
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_SECONDS_BETWEEN_LOOKS = 5.0
_STOP_SECONDS = 0.5
# Whoever fails again within this time after it came back is given longer pauses.
_STEADY_SECONDS = 10.0
_FAILURES = (RedisError, OSError, TimeoutError, ValueError)


class CacheAway(Exception):
    """There is no answer of the cache; go on without it."""


class Cache:
    """A circuit breaker around connections: the first failure opens it, and a task in the background closes it when the cache answers.

    While it is open nobody waits. It belongs to the event loop in which it was started.
    """

    def __init__(self, settings: CacheSettings) -> None:
        self._settings = settings
        self._connections: Connections | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._is_known_away = False
        self._is_stopped = False
        self._when_back: list[Callable[[], Iterable[Command]]] = []
        # Moves on with each event after which another server, or an older state of the same, may answer; the second is when.
        self.upheavals = 0
        self.upheaval_at = float("-inf")
        meter = metrics.get_meter("orders")
        self._errors = meter.create_counter("echobase.cache.errors", "{error}", "Questions that the cache did not answer, or not in time.")
        self._errors.add(0)
        meter.create_observable_gauge("echobase.cache.available", [self._observe], "1", "1 while the cache is used, 0 while it is away.")

    async def start(self) -> None:
        """Nobody waits for the cache to be there."""
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        self._is_stopped = True
        self._wake.set()
        if self._keeper:
            # A connection that is being made may swallow it; then the flag ends the task.
            self._keeper.cancel()
            await asyncio.wait({self._keeper}, timeout=_STOP_SECONDS)
        if self._connections:
            self._connections.close()
            self._connections = None

    @property
    def is_available(self) -> bool:
        return self._connections is not None

    def when_back(self, missed: Callable[[], Iterable[Command]]) -> None:
        """What is to be said to a cache that is back, before anybody else uses it."""
        self._when_back.append(missed)

    async def ask(self, *commands: Command) -> list[Any]:
        connections = self._connections
        if connections is None:
            raise CacheAway
        try:
            return await self._in_time(connections, commands)
        except NoScriptError:
            raise
        except _FAILURES as error:
            self._give_up(connections, error)
            raise CacheAway(str(error)) from error

    async def answers(self) -> bool:
        try:
            await self.ask(("PING",))
        except CacheAway:
            return False
        return True

    async def _in_time(self, connections: Connections, commands: tuple[Command, ...]) -> list[Any]:
        connection = None
        try:
            async with asyncio.timeout(None) as limit:
                timer = _Timer(limit)
                try:
                    connection = await connections.wait_for_one()
                    return await exchange(connection, commands)
                finally:
                    timer.stop()
                    if connections.is_scarce:
                        self._wake.set()
        except TimeoutError:
            if connection is None:
                # All are at work, which says nothing against the cache.
                self._errors.add(1)
                raise CacheAway("too many questions at once") from None
            raise
        finally:
            if connection is not None:
                connections.give_back(connection)

    def _give_up(self, connections: Connections, error: Exception) -> None:
        self._errors.add(1)
        if self._connections is not connections:
            return
        self._connections = None
        connections.close()
        self._upheave()
        self._wake.set()
        self._tell_away(error)

    def _upheave(self) -> None:
        self.upheavals += 1
        self.upheaval_at = asyncio.get_running_loop().time()

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while not self._is_stopped:
            if await self._connect():
                back_at = loop.time()
                await self._watch()
                if loop.time() - back_at > _STEADY_SECONDS:
                    pause = _FIRST_PAUSE_SECONDS
                    continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _watch(self) -> None:
        while self._connections is not None and not self._is_stopped:
            with suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS_BETWEEN_LOOKS):
                    await self._wake.wait()
            self._wake.clear()
            if self._connections is not None:
                await self._look(self._connections)

    async def _connect(self) -> bool:
        connections = Connections(self._settings)
        try:
            await connections.open()
            missed = [command for each in self._when_back for command in each()]
            connection = await connections.wait_for_one()
            async with asyncio.timeout(1):
                await exchange(connection, [("PING",), *missed])
            connections.give_back(connection)
        except BaseException as error:
            connections.close()
            if not isinstance(error, _FAILURES):
                raise
            self._tell_away(error)
            return False
        self._upheave()
        self._connections = connections
        if self._is_known_away:
            self._is_known_away = False
            log.info("cache back")
        return True

    async def _look(self, connections: Connections) -> None:
        """Whether it still answers, and whether the connections are as many as are needed."""
        try:
            await self.answers()
            if self._connections is connections:
                before = connections.count
                await connections.fit()
                if connections.count > before:
                    self._upheave()
        except _FAILURES as error:
            self._give_up(connections, error)

    def _tell_away(self, error: Exception) -> None:
        if not self._is_known_away:
            self._is_known_away = True
            log.warning("cache away: %s", str(error) or "no answer in time")

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        yield Observation(int(self.is_available))


class _Timer:
    """Ends what is done within its limit, unless it is itself late: then the answer may be there already, and gets another chance."""

    def __init__(self, limit: asyncio.Timeout) -> None:
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._has_waited = False
        self._begin()

    def stop(self) -> None:
        self._handle.cancel()

    def _begin(self) -> None:
        self._due = self._loop.time() + LIMIT_SECONDS
        self._handle = self._loop.call_at(self._due, self._end)

    def _end(self) -> None:
        if not self._has_waited and self._loop.time() - self._due > _STALL_SECONDS:
            self._has_waited = True
            self._begin()
        else:
            self._limit.reschedule(self._loop.time())
