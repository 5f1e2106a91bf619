"""Connections to the cache, of one event loop: two at least, ten at most. Whoever asks for something never makes one himself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from redis.asyncio.connection import SSLConnection
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError, ResponseError

from orders.settings import CacheSettings

LEAST, MOST = 2, 10
_CONNECT_SECONDS = 2.0

Command = tuple[bytes | str | int, ...]


class Connection(SSLConnection):
    def cut(self) -> None:
        """Nobody waits for the other side's goodbye."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


class Connections:
    """One generation of them: after a failure all are given up, and others are made."""

    def __init__(self, settings: CacheSettings) -> None:
        self._settings = settings
        self._idle: deque[Connection] = deque()
        # Counts those that are idle; who waits for one waits here, in turn.
        self._free = asyncio.Semaphore(0)
        self.count = 0
        self._is_closed = False
        self._is_scarce = False

    async def open(self) -> None:
        for _ in range(LEAST):
            await self._add()

    async def fit(self) -> None:
        """One more where somebody had to wait, one less where nobody needs as many."""
        if self._is_scarce and self.count < MOST:
            await self._add()
        elif not self._is_scarce and len(self._idle) > LEAST and not self._free.locked():
            await self._free.acquire()
            self.count -= 1
            self._idle.popleft().cut()
        self._is_scarce = False

    @property
    def is_scarce(self) -> bool:
        return self._is_scarce and self.count < MOST

    async def wait_for_one(self) -> Connection:
        if self._free.locked():
            self._is_scarce = True
        await self._free.acquire()
        if self._is_closed:
            # Whoever else waits learns it, too.
            self._free.release()
            raise ConnectionError("given up meanwhile")
        return self._idle.pop()

    def give_back(self, connection: Connection) -> None:
        if self._is_closed or not connection.is_connected:
            connection.cut()
            return
        self._idle.append(connection)
        self._free.release()

    def close(self) -> None:
        self._is_closed = True
        while self._idle:
            self._idle.pop().cut()
        self._free.release()

    async def _add(self) -> None:
        settings = self._settings
        connection = Connection(
            host=settings.host,
            port=settings.port,
            credential_provider=_Credentials(settings),
            ssl_ca_certs=str(settings.ca_file),
            ssl_check_hostname=True,
            socket_connect_timeout=_CONNECT_SECONDS,
            protocol=2,
            driver_info=None,
        )
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            connection.cut()
            raise
        self.count += 1
        self.give_back(connection)


async def exchange(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    """Sends the commands together and gives their answers; one that the server refuses spoils them all, once all were read."""
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    answers, refusal = [], None
    for _ in commands:
        try:
            answers.append(await connection.read_response())
        except ResponseError as error:
            refusal = refusal or error
    if refusal:
        raise refusal
    return answers


class _Credentials(CredentialProvider):
    """Reads the password for each connection anew: it may have been changed."""

    def __init__(self, settings: CacheSettings) -> None:
        self._settings = settings

    def get_credentials(self) -> tuple[str, str]:
        try:
            return self._settings.user, self._settings.password_file.read_text().strip()
        except OSError as error:
            raise RedisError(str(error)) from error

    async def get_credentials_async(self) -> tuple[str, str]:
        return self.get_credentials()
