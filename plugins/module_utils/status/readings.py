"""What status reads may be damaged, and that is when somebody looks at it: the rest is shown, and a line says what could not be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

T = TypeVar("T")


class Readings:
    def __init__(self) -> None:
        # What could not be read, in a user's words, with what to do about each.
        self.problems: list[str] = []

    def of(self, read: Callable[[], T], instead: T) -> T:
        """Gives what `read` finds; where it refuses, its refusal becomes one of the problems and `instead` is given."""
        try:
            return read()
        except Refusal as refusal:
            self.problems.append(str(refusal))
            return instead
