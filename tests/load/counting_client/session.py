"""What the long-lived sessions have in common: opened by an accounted request, watched until they break, opened again."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from counting_client.answer_parser import Answer
from counting_client.course import Course
from counting_client.lost import Lost
from counting_client.message import common_headers, head
from counting_client.reconnecting import open_patiently
from counting_client.tally import Request
from counting_client.wire import Wire

_WAIT_AFTER_FAILURE = 0.1
_Result = TypeVar("_Result")


class SessionKeeper(ABC):
    """Keeps one session open for the whole run."""

    kind: ClassVar[str]
    # The status that opens a session.
    opened_by: ClassVar[int]

    def __init__(self, number: int, course: Course) -> None:
        self.name = f"{self.kind} {number}"
        self.course = course
        self.tally = course.tally
        self.number = number
        self._wire: Wire | None = None

    async def work(self) -> None:
        while not self.course.over:
            wire = await self._open()
            if wire is None:
                await self.course.pause(_WAIT_AFTER_FAILURE)
                continue
            self.tally.session(self.kind).opened += 1
            try:
                await self.hold(wire)
            except Lost as loss:
                self.tally.count_break(self.kind, self.name, str(loss))
            finally:
                wire.close()

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()

    @abstractmethod
    async def hold(self, wire: Wire) -> None:
        """Until the run is over. Raises Lost when the session breaks."""

    @property
    @abstractmethod
    def path(self) -> str: ...

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """That ask for the session."""

    @abstractmethod
    def objection(self, answer: Answer) -> str:
        """Why this answer with the right status opens no session; empty when it does."""

    async def unless_over(self, work: Coroutine[Any, Any, _Result], seconds: float) -> _Result | None:
        """None when that took too long, or when the run ended before."""
        task, end = asyncio.ensure_future(work), asyncio.ensure_future(self.course.ended())
        try:
            await asyncio.wait({task, end}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            end.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _open(self) -> Wire | None:
        config = self.course.config
        wire = self._wire = await open_patiently(
            lambda: Wire.open(config.target, self.course.tls, config.timeout), self.tally, self.kind, self.name
        )
        request = self.tally.begin(self.kind, self.name)
        sent = time.monotonic()
        try:
            answer = await wire.ask(self._opening(request), self.opened_by, config.timeout)
            objection = self.objection(answer) if answer.status == self.opened_by else ""
            if objection:
                raise Lost("no session", objection)
        except Lost as loss:
            self.tally.count_loss(request, loss.reason, loss.detail)
            wire.close()
            return None
        self.tally.count_answer(request, answer, sent, time.monotonic())
        if answer.status == self.opened_by:
            return wire
        wire.close()
        return None

    def _opening(self, request: Request) -> bytes:
        config = self.course.config
        headers = {**common_headers(config, request.id), **self.headers()}
        return head("GET", self.path or config.target.path, config.target.authority, headers)
