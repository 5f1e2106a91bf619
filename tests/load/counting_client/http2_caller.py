"""Makes accounted requests over one HTTP/2 connection that many streams share, and reopens it when it must."""

from __future__ import annotations

import asyncio
import ssl
import time

from counting_client.course import Course
from counting_client.http2_connection import Http2Connection
from counting_client.lost import Lost, Refused
from counting_client.message import CountedPost
from counting_client.reconnecting import open_patiently

KIND = "http2"
_WAIT_AFTER_REFUSAL = 0.02


class Http2Caller:
    def __init__(self, number: int, course: Course, tls: ssl.SSLContext, post: CountedPost) -> None:
        self.name = f"{KIND} {number}"
        self._config = course.config
        self._tls = tls
        self._tally = course.tally
        self._timeout = course.config.timeout
        self._post = post
        self._connection: Http2Connection | None = None
        self._opening = asyncio.Lock()

    async def attempt(self, pause: float = 0.0) -> None:
        """One request, which goes out again as long as the server promises that it did not process it."""
        connection, reopened = await self._usable_connection()
        request = self._tally.begin(KIND, self.name, pause, reopened)
        fields, body = self._post.fields(request.id)
        began = sent = time.monotonic()
        while True:
            try:
                answer = await connection.exchange(fields, body, self._timeout)
                self._tally.count_answer(request, answer, sent, time.monotonic(), since=began)
                return
            except Lost as loss:
                self._tally.count_loss(request, loss.reason, loss.detail)
                return
            except Refused as refusal:
                if time.monotonic() - began > self._timeout:
                    self._tally.count_loss(request, "refused", f"again and again, at last by {refusal}")
                    return
                self._tally.count_refused(request)
                await asyncio.sleep(_WAIT_AFTER_REFUSAL)
                try:
                    async with asyncio.timeout(self._timeout):
                        connection, _ = await self._usable_connection()
                except TimeoutError:
                    self._tally.count_loss(request, "refused", f"{refusal}, and no other connection could be had")
                    return
                sent = time.monotonic()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    async def _usable_connection(self) -> tuple[Http2Connection, bool]:
        """Also whether it had to be opened anew."""
        async with self._opening:
            if self._connection is not None and self._connection.usable:
                return self._connection, False
            # A connection that takes no new streams closes itself after its last answer.
            again = self._connection is not None
            self._connection = await open_patiently(self._open, self._tally, KIND, self.name)
            if again:
                self._tally.count_reopened(KIND)
            return self._connection, again

    async def _open(self) -> Http2Connection:
        config = self._config
        return await Http2Connection.open(
            config.target, self._tls, self._timeout, config.http2_streams, lambda: self._tally.count_unasked_answer(KIND, self.name)
        )
