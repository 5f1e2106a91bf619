"""Which requests were answered, at one byte each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class IdBook:
    def __init__(self, run: str) -> None:
        self._prefix = f"{run}-"
        self._answered = bytearray()

    def __len__(self) -> int:
        return len(self._answered)

    def add(self) -> int:
        """The number of a new request."""
        self._answered.append(0)
        return len(self._answered) - 1

    def id(self, number: int) -> str:
        return f"{self._prefix}{number:08d}"

    def answer(self, number: int) -> None:
        self._answered[number] = 1

    def answered(self) -> Iterator[str]:
        return (self.id(number) for number, answered in enumerate(self._answered) if answered)

    def compare(self, seen: Iterable[str]) -> tuple[int, int]:
        """How often an id was seen again, and how many answered ids were never seen. Ids of other runs don't matter."""
        times = bytearray(len(self._answered))
        again = 0
        for name in seen:
            number = self._number(name)
            if number is None:
                continue
            if times[number]:
                again += 1
            times[number] = 1
        return again, sum(1 for answered, seen_times in zip(self._answered, times, strict=True) if answered and not seen_times)

    def _number(self, name: str) -> int | None:
        digits = name.removeprefix(self._prefix)
        if digits == name or not digits.isdigit() or int(digits) >= len(self._answered):
            return None
        return int(digits)
