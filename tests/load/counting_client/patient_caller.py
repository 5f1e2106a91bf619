"""A good customer's HTTP: every attempt is accounted for, and what may be tried again is tried again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

from counting_client.answer_parser import Answer
from counting_client.caller import Caller
from counting_client.config import Target
from counting_client.message import json_message, message
from counting_client.tally import Request

TRY_AGAIN = (429, 502, 503, 504)
_FIRST_WAIT = 0.05
_LONGEST_WAIT = 2.0


class GaveUp(Exception):
    """Nobody gave a final answer within the customer's patience."""


class PatientCaller:
    """One browser: keeps its cookies and its connection."""

    def __init__(self, caller: Caller, target: Target, id_header: str, patience: float, seed: int) -> None:
        self._caller = caller
        self._target = target
        self._id_header = id_header
        self._patience = patience
        self._draw = random.Random(seed)
        self._cookies: dict[str, str] = {}

    async def call(self, method: str, path: str, document: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """The first final answer, after at most `patience` seconds."""
        deadline = time.monotonic() + self._patience
        wait = _FIRST_WAIT
        while True:
            try:
                answer = await self._attempt(method, path, document, headers or {}, deadline - time.monotonic())
            except OSError as error:
                raise GaveUp(f"{method} {path}: no connection within {self._patience:g} s ({error})") from error
            if answer is not None and answer.status not in TRY_AGAIN:
                return answer
            pause = self._pause(answer, wait)
            if time.monotonic() + pause > deadline:
                raise GaveUp(f"{method} {path}: {answer.status if answer else 'lost'} after {self._patience:g} s of trying")
            await asyncio.sleep(pause)
            wait = min(wait * 2, _LONGEST_WAIT)

    def close(self) -> None:
        self._caller.close()

    async def _attempt(self, method: str, path: str, document: Any, headers: Mapping[str, str], patience: float) -> Answer | None:
        def build(request: Request) -> bytes:
            all_headers = {"User-Agent": "counting-client", self._id_header: request.id, **headers}
            if self._cookies:
                all_headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
            if document is None:
                return message(method, path, self._target.authority, all_headers)
            return json_message(method, path, self._target.authority, all_headers, document)

        answer = await self._caller.attempt(build, patience=patience)
        if answer is not None and "set-cookie" in answer.headers:
            for line in answer.headers["set-cookie"].split("\n"):
                name, _, value = line.partition(";")[0].partition("=")
                self._cookies[name.strip()] = value.strip()
        return answer

    def _pause(self, answer: Answer | None, wait: float) -> float:
        """What the server asks for, within reason; else longer each time, never all customers at once."""
        asked = answer.headers.get("retry-after", "") if answer else ""
        if asked.isdigit():
            return min(max(float(asked), _FIRST_WAIT), _LONGEST_WAIT)
        return wait * self._draw.uniform(0.5, 1.5)
