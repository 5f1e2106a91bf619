"""Waiting until a colour that lost its traffic has answered everything it was asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.base.waiting import looks
from ansible_collections.echobase.platform.plugins.module_utils.colours.in_flight import InFlight

_SECONDS_BETWEEN_LOOKS = 0.1
# What the edge had already sent on its way may arrive after a first silence.
_LOOKS_IN_A_ROW = 2


@dataclass(frozen=True)
class Drained:
    """`in_flight` is what was left at the end; nothing where nobody could tell."""

    in_flight: int | None
    seconds: float
    problem: str = ""


class Drain:
    def __init__(self, count: Callable[[str], InFlight], ceiling: float) -> None:
        self._count = count
        self._ceiling = ceiling

    def await_silence(self, colours: Iterable[str]) -> dict[str, dict[str, Any]]:
        names = list(colours)
        if not names or self._ceiling <= 0:
            return {}
        with ThreadPoolExecutor(len(names)) as pool:
            return {name: asdict(drained) for name, drained in zip(names, pool.map(self._await_silence_of, names), strict=True)}

    def _await_silence_of(self, colour: str) -> Drained:
        started = time.monotonic()
        silent = 0
        for _ in looks(self._ceiling, interval=_SECONDS_BETWEEN_LOOKS):
            found = self._count(colour)
            silent = silent + 1 if found.total == 0 else 0
            if silent == _LOOKS_IN_A_ROW or found.problem:
                break
        return Drained(found.total, round(time.monotonic() - started, 1), found.problem)
