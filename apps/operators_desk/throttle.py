"""Guessing gets slower with each failure, and stops being remembered after a while of peace."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

_FIRST_WAIT = 2.0
_FORGOTTEN_AFTER = 3600.0
# Whoever failed longest ago is forgotten first.
_REMEMBERED = 20_000


@dataclass(frozen=True)
class _Record:
    failures: int
    last: float


class Throttle:
    """`free` failures cost nothing; after that each one doubles the wait, up to `longest` seconds."""

    def __init__(self, free: int, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = free
        self._longest = longest
        self._clock = clock
        self._lock = threading.Lock()
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def take(self, who: str) -> int:
        """Gives 0 if an attempt may be made, else the seconds until it may. It counts as a failure until it is given back or cleared."""
        now = self._clock()
        with self._lock:
            record = self._record(who, now)
            wait = record.last + self._wait(record.failures) - now
            if wait > 0:
                return math.ceil(wait)
            self._records[who] = _Record(record.failures + 1, now)
            self._records.move_to_end(who)
            while len(self._records) > _REMEMBERED:
                self._records.popitem(last=False)
        return 0

    def give_back(self, who: str) -> None:
        """Gives back an attempt that was no guess; what was guessed before it stays remembered."""
        with self._lock:
            record = self._records.get(who)
            if record is not None:
                self._records[who] = _Record(max(0, record.failures - 1), record.last)

    def clear(self, who: str) -> None:
        with self._lock:
            self._records.pop(who, None)

    def _record(self, who: str, now: float) -> _Record:
        record = self._records.get(who)
        return record if record is not None and now - record.last < _FORGOTTEN_AFTER else _Record(0, now)

    def _wait(self, failures: int) -> float:
        beyond = failures - self._free
        return 0.0 if beyond < 0 else min(self._longest, _FIRST_WAIT * 2.0 ** min(beyond, 30))


def neighbourhood(address: str) -> str:
    """Gives what counts as one client: the addresses that one can choose from freely, a whole /64 of IPv6."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))
    return address
