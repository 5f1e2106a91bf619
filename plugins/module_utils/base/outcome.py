"""How an operation on one thing ends, in the form every module of the collection reports it: an Outcome or a Refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Outcome:
    """`before` and `after` become Ansible's diff; `facts` are the module's further return values."""

    changed: bool
    before: Any = ""
    after: Any = ""
    facts: dict[str, Any] = field(default_factory=dict)
    # What is no error and should be read all the same.
    warnings: list[str] = field(default_factory=list)


class Refusal(Exception):
    """The one kind of error a user is meant to see. We will not or cannot go on: what is wrong and where, then what to do about it."""

    def __init__(self, cause: str, remedy: str, **facts: Any) -> None:
        super().__init__(f"{cause} - {remedy}")
        self.cause = cause
        self.remedy = remedy
        # For whoever catches it, or runs the module, and decides by more than words.
        self.facts = facts
