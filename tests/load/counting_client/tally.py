"""Accounts for every request: each one begins once and ends once, in exactly one way."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from dataclasses import dataclass, field

from counting_client.answer_parser import Answer
from counting_client.traffic import Traffic

_EXAMPLES_OF_A_KIND = 10


@dataclass(slots=True)
class Incident:
    """One request that did not go as it should."""

    second: float
    kind: str
    id: str
    detail: str
    connection: str


@dataclass(slots=True)
class Second:
    """What ended in one second of the run."""

    by_colour: Counter[str] = field(default_factory=Counter)
    bad: int = 0
    latencies: array[float] = field(default_factory=lambda: array("d"))


@dataclass(frozen=True, slots=True)
class Request:
    number: int
    id: str
    # Which connection, how long that had been quiet, and whether it had to be opened anew.
    connection: str
    pause: float
    reopened: bool


class Tally:
    def __init__(self, traffic: Traffic, run: str, colour_header: str, id_header: str) -> None:
        self.traffic = traffic
        self.run = run
        self.colour_header = colour_header.lower()
        self.id_header = id_header.lower()
        self.began = time.monotonic()
        self.numbered = 0
        self.sent = 0
        self.answered = 0
        self.lost: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.by_colour: Counter[str] = Counter()
        self.wrong_colour = 0
        self.connect_failures = 0
        self.reopened = 0
        self.duplicates = 0
        self.pauses: Counter[int] = Counter()
        self.seconds: dict[int, Second] = {}
        # The first few of each kind.
        self.incidents: list[Incident] = []
        self.longest_gap = 0.0
        # One byte a request: whether it was answered.
        self._answers = bytearray()
        self._kinds: Counter[str] = Counter()
        self._undecided: list[tuple[Request, str, float, float]] = []
        self._last_answer = self.began

    def number(self, connection: str, pause: float, reopened: bool) -> Request:
        request = Request(self.numbered, self._id(self.numbered), connection, pause, reopened)
        self.numbered += 1
        self._answers.append(0)
        return request

    def answered_ids(self) -> set[str]:
        return {self._id(number) for number, answered in enumerate(self._answers) if answered}

    def _id(self, number: int) -> str:
        return f"{self.run}-{number:08d}"

    def count_sent(self) -> None:
        self.sent += 1

    def count_reopened(self) -> None:
        self.reopened += 1

    def count_connect_failure(self, connection: str, error: OSError) -> None:
        self.connect_failures += 1
        self._second(time.monotonic()).bad += 1
        self._incident("connect failure", "", str(error), connection)

    def count_loss(self, request: Request, reason: str, detail: str) -> None:
        self.lost[reason] += 1
        self._second(time.monotonic()).bad += 1
        self._incident(f"lost: {reason}", request.id, detail, request.connection)

    def count_unasked_answer(self, connection: str) -> None:
        self.duplicates += 1
        self._incident("duplicate", "", "an answer came that nobody had asked for", connection)

    def count_answer(self, request: Request, answer: Answer, sent: float, now: float) -> None:
        echoed = answer.headers.get(self.id_header)
        if echoed is not None and echoed != request.id:
            self.duplicates += 1
            self.count_loss(request, "mixed up", f"the answer was meant for {echoed}")
            return
        self._answers[request.number] = 1
        colour = answer.headers.get(self.colour_header, "")
        self.answered += 1
        self.by_status[answer.status] += 1
        self.by_colour[colour] += 1
        second = self._second(now)
        second.by_colour[colour] += 1
        second.latencies.append(now - sent)
        self.longest_gap = max(self.longest_gap, now - self._last_answer)
        self._last_answer = now
        if answer.status >= 400:
            second.bad += 1
            self._incident(f"status {answer.status}", request.id, f"colour {colour or 'none'}", request.connection)
        if request.pause and not request.reopened:
            self.pauses[int(request.pause // 5) * 5] += 1
        self._judge(request, colour, sent, now)

    def settle(self) -> None:
        """A switch is over: judge the answers that came while it was open."""
        undecided, self._undecided = self._undecided, []
        for request, colour, sent, now in undecided:
            self._judge(request, colour, sent, now)

    def _judge(self, request: Request, colour: str, sent: float, now: float) -> None:
        # An answer of no colour is the edge's own; its status tells.
        if not colour:
            return
        if self.traffic.undecided(now):
            self._undecided.append((request, colour, sent, now))
        elif not self.traffic.may_answer(colour, sent, now):
            self.wrong_colour += 1
            self._second(now).bad += 1
            detail = f"{colour} answered, sent {sent - self.began:.6f} s, weights {self.traffic.weights}"
            self._incident("wrong colour", request.id, detail, request.connection)

    def _second(self, now: float) -> Second:
        return self.seconds.setdefault(int(now - self.began), Second())

    def _incident(self, kind: str, request_id: str, detail: str, connection: str) -> None:
        self._kinds[kind] += 1
        if self._kinds[kind] <= _EXAMPLES_OF_A_KIND:
            self.incidents.append(Incident(round(time.monotonic() - self.began, 3), kind, request_id, detail, connection))
