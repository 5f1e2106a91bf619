"""The port to whatever sends customers to a colour: change it in two steps, so that many routers can change as one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.traffic.generation import NOTHING, Generation
from ansible_collections.echobase.platform.plugins.module_utils.traffic.weights import Weights


@dataclass(frozen=True)
class Prepared:
    """A generation that is complete and durable but not yet in force."""

    generation: Generation


@dataclass(frozen=True)
class Committed:
    generation: Generation
    microseconds: float


class Router(ABC):
    @abstractmethod
    def exists(self) -> bool:
        """Whether traffic was ever described here, well or badly."""

    @abstractmethod
    def current(self) -> Generation:
        """The generation in force; a Refusal with the remedy when it cannot be told."""

    @abstractmethod
    def upcoming(self) -> int:
        """The number that the next generation gets."""

    @abstractmethod
    def refuse_outdated(self, fencing_number: int | None) -> None:
        """A Refusal for a number lower than one that was committed with: its owner has been replaced."""

    @abstractmethod
    def highest_fencing_number(self) -> int:
        """The highest number that this router was told; 0 before the first."""

    @abstractmethod
    def mover(self, generation: Generation) -> int | None:
        """The fencing number with which this generation, the one in force, was committed; None where it came without one."""

    @abstractmethod
    def fence(self, fencing_number: int) -> None:
        """From now on, refuse every lower number."""

    @abstractmethod
    def exclusive(self) -> AbstractContextManager[None]:
        """No other process changes this router while the context lasts. May be entered again by its holder."""

    @abstractmethod
    def lay(self, generation: Generation) -> Prepared:
        """Make a generation ready. Traffic does not change. What was laid already is confirmed; a number never means two things."""

    @abstractmethod
    def discard(self, generation: Generation) -> None:
        """Forget a generation that was laid and never came into force."""

    def prepare(self, weights: Weights, maintenance: bool = False) -> Prepared:
        """Make the generation ready that follows the one in force."""
        with self.exclusive():
            return self.lay(self.current_or_nothing().followed_by(self.upcoming(), weights, maintenance))

    def current_or_nothing(self) -> Generation:
        """Gives `current`, or the generation NOTHING where that cannot be told."""
        try:
            return self.current()
        except Refusal:
            return NOTHING

    @abstractmethod
    def commit(self, prepared: Prepared, fencing_number: int | None = None, is_decided: bool = False) -> Committed:
        """Put a prepared generation in force, at once and durably, unless the fencing number is outdated.

        What was decided for several edges holds, whoever has taken over since.
        """

    @abstractmethod
    def prune(self) -> list[int]:
        """Forget generations that nobody needs any more; returns their numbers. Never the current one."""
