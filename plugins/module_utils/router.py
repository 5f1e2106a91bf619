"""The port to whatever sends customers to a colour: change it in two steps, so that many routers can change as one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ansible_collections.echobase.platform.plugins.module_utils.generation import Generation
from ansible_collections.echobase.platform.plugins.module_utils.weights import Weights


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
    def exclusive(self) -> AbstractContextManager[None]:
        """No other process changes this router while the context lasts. May be entered again by its holder."""

    @abstractmethod
    def prepare(self, weights: Weights) -> Prepared:
        """Make a new generation ready. Traffic does not change."""

    @abstractmethod
    def commit(self, prepared: Prepared, fencing_number: int | None = None) -> Committed:
        """Put a prepared generation in force, at once and durably, unless the fencing number is outdated."""

    @abstractmethod
    def prune(self) -> list[int]:
        """Forget generations that nobody needs any more; returns their numbers. Never the current one."""
