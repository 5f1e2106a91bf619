"""Customers who ask all the time, each on a connection and with a cookie of its own, and who write down what is not as it should be."""

from __future__ import annotations

import ssl
import threading
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType

import httpx


@dataclass
class SteadyCustomers:
    url: str
    ca_file: str
    # What is asked in turn, and the answers that are right there.
    questions: dict[str, frozenset[int]]
    customers: int = 4
    answered: int = 0
    colours: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> SteadyCustomers:
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _customer in range(self.customers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self.url, verify=ssl.create_default_context(cafile=self.ca_file), timeout=20) as client:
            while not self._stop.wait(0.02):
                for path, right in self.questions.items():
                    self._note(client, path, right)

    def _note(self, client: httpx.Client, path: str, right: frozenset[int]) -> None:
        try:
            answer = client.get(path)
        except httpx.HTTPError as error:
            problem, colour = f"{path}: {type(error).__name__} {error}", ""
        else:
            problem, colour = "", answer.headers.get("X-Echobase-Colour", "")
            if answer.status_code not in right:
                problem = f"{path}: {answer.status_code} {answer.text[:200]}"
        with self._lock:
            self.answered += 1
            self.colours[colour] += 1
            self.wrong += [problem] if problem else []
