"""A listener to numbered server-sent events, who notices when one is missing."""

from __future__ import annotations

from typing import ClassVar

from counting_client.answer_parser import Answer
from counting_client.chunked_body import ChunkedBody, GarbledBody
from counting_client.course import Course
from counting_client.event_parser import Event, EventParser
from counting_client.lost import Lost
from counting_client.session import SessionKeeper
from counting_client.wire import Wire


class EventKeeper(SessionKeeper):
    kind: ClassVar[str] = "event stream"
    opened_by: ClassVar[int] = 200

    def __init__(self, number: int, course: Course) -> None:
        super().__init__(number, course)
        self._last: int | None = None
        self._in_chunks = False

    @property
    def path(self) -> str:
        return self.course.config.event_path

    def headers(self) -> dict[str, str]:
        resume = {} if self._last is None else {"Last-Event-ID": str(self._last)}
        return {"Accept": "text/event-stream", "Cache-Control": "no-cache", **resume}

    def objection(self, answer: Answer) -> str:
        self._in_chunks = "chunked" in answer.headers.get("transfer-encoding", "").lower()
        kind = answer.headers.get("content-type", "")
        return "" if kind.startswith("text/event-stream") else f"content type '{kind}'"

    async def hold(self, wire: Wire) -> None:
        timeout = self.course.config.timeout
        body, events, buffer = ChunkedBody() if self._in_chunks else None, EventParser(), bytearray()
        while not self.course.over:
            data = await self.unless_over(wire.read(), timeout)
            if data is None:
                if self.course.over:
                    return
                raise Lost("timeout", f"nothing came for {timeout:g} s")
            buffer += data
            for event in events.feed(_contents(body, buffer)):
                self._count(event)
            if body is not None and body.over:
                raise Lost("closed", "the peer ended the stream")

    def _count(self, event: Event) -> None:
        number, last = event.number, self._last
        if number is None or last is None:
            self.tally.count_event(self.kind, missed=0, repeated=False)
        else:
            self.tally.count_event(self.kind, missed=max(0, number - last - 1), repeated=number <= last)
        if number is not None:
            self._last = number if last is None else max(number, last)


def _contents(body: ChunkedBody | None, buffer: bytearray) -> bytes:
    if body is None:
        contents = bytes(buffer)
        buffer.clear()
        return contents
    try:
        return body.decode(buffer)
    except GarbledBody as error:
        raise Lost("garbled", str(error)) from error
