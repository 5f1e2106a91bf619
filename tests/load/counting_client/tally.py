"""Accounts for every request: each one begins once and ends once, in exactly one way."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from counting_client.account import Account, is_good
from counting_client.answer_parser import Answer
from counting_client.id_book import IdBook
from counting_client.sessions import Break, Sessions
from counting_client.traffic import Traffic

# Seconds: the grain of what is known about colours and faults over time.
SLICE = 0.25
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
class Slice:
    """What ended in one slice of the run."""

    by_colour: Counter[str] = field(default_factory=Counter)
    bad: int = 0


@dataclass(slots=True)
class Request:
    number: int
    id: str
    kind: str
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
        self.ids = IdBook(run)
        self.accounts: dict[str, Account] = {}
        self.sessions: dict[str, Sessions] = {}
        self.pauses: Counter[int] = Counter()
        self.slices: dict[int, Slice] = {}
        # The first few of each kind.
        self.incidents: list[Incident] = []
        self.longest_gap = 0.0
        self._incidents: Counter[str] = Counter()
        self._undecided: list[tuple[Request, str, float, float]] = []
        self._last_answer = self.began

    def account(self, kind: str) -> Account:
        found = self.accounts.get(kind)
        if found is None:
            found = self.accounts[kind] = Account()
        return found

    @property
    def answered(self) -> int:
        return sum(account.answered for account in self.accounts.values())

    @property
    def silence(self) -> float:
        """Seconds since the last answer."""
        return time.monotonic() - self._last_answer

    def session(self, kind: str) -> Sessions:
        return self.sessions.setdefault(kind, Sessions())

    def begin(self, kind: str, connection: str, pause: float = 0.0, reopened: bool = False) -> Request:
        """A new request; from now on it counts as sent."""
        number = self.ids.add()
        self.account(kind).sent += 1
        return Request(number, self.ids.id(number), kind, connection, pause, reopened)

    def count_reopened(self, kind: str) -> None:
        self.account(kind).reopened += 1

    def count_refused(self, request: Request) -> None:
        """The server promised that it did not process the request; it is sent again."""
        self.account(request.kind).refused_and_repeated += 1

    def count_connect_failure(self, kind: str, connection: str, error: OSError) -> None:
        self.account(kind).connect_failures += 1
        self._slice(time.monotonic()).bad += 1
        self._incident("connect failure", "", str(error), connection)

    def count_loss(self, request: Request, reason: str, detail: str) -> None:
        self.account(request.kind).lost[reason] += 1
        self._slice(time.monotonic()).bad += 1
        self._incident(f"lost: {reason}", request.id, detail, request.connection)

    def count_unasked_answer(self, kind: str, connection: str) -> None:
        self.account(kind).duplicates += 1
        self._slice(time.monotonic()).bad += 1
        self._incident("duplicate", "", "an answer came that nobody had asked for", connection)

    def count_answer(self, request: Request, answer: Answer, sent: float, now: float, since: float | None = None) -> None:
        """`sent` is when its first byte went out; the answer took from `since` (or from then) to `now`."""
        if not self._complete(request, answer.headers.get(self.id_header), now - (sent if since is None else since), now):
            return
        colour = answer.headers.get(self.colour_header, "")
        account = self.account(request.kind)
        account.by_status[answer.status] += 1
        account.by_colour[colour] += 1
        part = self._slice(now)
        part.by_colour[colour] += 1
        if not is_good(answer.status):
            part.bad += 1
            self._incident(f"status {answer.status}", request.id, f"colour {colour or 'none'}", request.connection)
        if request.pause and not request.reopened:
            self.pauses[int(request.pause // 5) * 5] += 1
        self._judge(request, colour, sent, now)

    def count_echo(self, request: Request, echoed: str, sent: float, now: float) -> None:
        """Of a message. A session stays where it was opened, also when that colour has no traffic any more, so no colour is wrong."""
        self._complete(request, echoed, now - sent, now)

    def count_break(self, kind: str, connection: str, detail: str) -> None:
        """A session ended which its client had not ended."""
        now = time.monotonic()
        switch = self.traffic.latest(now)
        since = None if switch is None or switch.committed is None else round(now - switch.committed, 3)
        self.session(kind).add_break(Break(round(now - self.began, 3), connection, detail, switch.number if switch else 0, since))
        self._slice(now).bad += 1

    def count_event(self, kind: str, missed: int, repeated: bool) -> None:
        session = self.session(kind)
        session.events += 1
        session.missed_events += missed
        session.repeated_events += repeated
        if missed or repeated:
            self._slice(time.monotonic()).bad += 1

    def settle(self) -> None:
        """A switch is over: judge the answers that came while it was open."""
        undecided, self._undecided = self._undecided, []
        for request, colour, sent, now in undecided:
            self._judge(request, colour, sent, now)

    def _complete(self, request: Request, echoed: str | None, took: float, now: float) -> bool:
        """False when the answer belongs to another request."""
        if echoed is not None and echoed != request.id:
            self.account(request.kind).duplicates += 1
            self.count_loss(request, "mixed up", f"the answer was meant for {echoed}")
            return False
        self.ids.answer(request.number)
        account = self.account(request.kind)
        account.answered += 1
        account.latencies.add(now, max(0.0, took))
        self.longest_gap = max(self.longest_gap, now - self._last_answer)
        self._last_answer = now
        return True

    def _judge(self, request: Request, colour: str, sent: float, now: float) -> None:
        # An answer of no colour is the edge's own; its status tells.
        if not colour:
            return
        if self.traffic.undecided(now):
            self._undecided.append((request, colour, sent, now))
        elif not self.traffic.may_answer(colour, sent, now):
            self.account(request.kind).wrong_colour += 1
            self._slice(now).bad += 1
            detail = f"{colour} answered, sent {sent - self.began:.6f} s, weights {self.traffic.weights}"
            self._incident("wrong colour", request.id, detail, request.connection)

    def _slice(self, now: float) -> Slice:
        number = int((now - self.began) / SLICE)
        found = self.slices.get(number)
        if found is None:
            found = self.slices[number] = Slice()
        return found

    def _incident(self, kind: str, request_id: str, detail: str, connection: str) -> None:
        self._incidents[kind] += 1
        if self._incidents[kind] <= _EXAMPLES_OF_A_KIND:
            self.incidents.append(Incident(round(time.monotonic() - self.began, 3), kind, request_id, detail, connection))
