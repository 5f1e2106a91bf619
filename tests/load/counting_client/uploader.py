"""Sends bodies slowly, so that they are on their way while traffic is switched."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from functools import partial

from counting_client.answer_parser import Answer
from counting_client.caller import Caller
from counting_client.chunked_body import LAST_CHUNK, chunk
from counting_client.connection import Connection
from counting_client.course import Course
from counting_client.lost import Lost
from counting_client.message import common_headers, head
from counting_client.tally import Request

KIND = "upload"
# Seconds between two pieces of a body.
_EVERY = 0.25
# A shorter upload than this is not begun at the end of a run.
_SHORTEST = 1.0


class Uploader:
    def __init__(self, number: int, course: Course) -> None:
        config = course.config
        self._course = course
        self._number = number
        self._caller = Caller(KIND, number, target=config.target, tls=course.tls, tally=course.tally, timeout=config.timeout)
        self._body = random.Random(config.seed * 1_000_003 + number).randbytes(config.upload_bytes)
        self._sum = hashlib.sha256(self._body).hexdigest()

    async def work(self) -> None:
        """One upload after the other, by turns with a length said in advance and in chunks."""
        config = self._course.config
        turn = self._number
        # Not all at the same time.
        await self._course.pause(_EVERY * self._number)
        while (seconds := min(config.upload_seconds, self._course.left)) >= min(_SHORTEST, config.upload_seconds):
            await self._caller.exchange(partial(self._upload, seconds=seconds, in_chunks=turn % 2 == 1))
            turn += 1

    def close(self) -> None:
        self._caller.close()

    async def _upload(self, connection: Connection, request: Request, seconds: float, in_chunks: bool) -> Answer:
        config = self._course.config
        framing = {"Transfer-Encoding": "chunked"} if in_chunks else {"Content-Length": str(len(self._body))}
        headers = {"Content-Type": "application/octet-stream", **common_headers(config, request.id), **framing}
        first = head("POST", config.upload_path or config.target.path, config.target.authority, headers)
        answer = await connection.exchange_slowly(first, self._pieces(seconds, in_chunks), config.timeout)
        echoed = answer.headers.get(config.checksum_header.lower(), self._sum)
        if echoed != self._sum:
            raise Lost("damaged", f"the answer confirms a body with SHA-256 {echoed}, not {self._sum}")
        return answer

    def _pieces(self, seconds: float, in_chunks: bool) -> Iterator[tuple[float, bytes]]:
        """Each with the pause before it; without pauses from the moment on in which the run ends."""
        count = max(1, round(seconds / _EVERY))
        size = -(-len(self._body) // count)
        for start in range(0, len(self._body), size):
            piece = self._body[start : start + size]
            yield self._pause(seconds / count), chunk(piece) if in_chunks else piece
        if in_chunks:
            yield 0.0, LAST_CHUNK

    def _pause(self, seconds: float) -> float:
        return 0.0 if self._course.over else seconds
