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
    # A warning is no error, and a user should read it all the same.
    warnings: list[str] = field(default_factory=list)


class Refusal(Exception):
    """The one kind of error that a user is meant to see: it says what is wrong and where, then what to do about it."""

    def __init__(self, cause: str, remedy: str, **facts: Any) -> None:
        super().__init__(f"{cause} - {remedy}")
        self.cause = cause
        self.remedy = remedy
        # A caller may catch the refusal and decide by these, and a playbook has them beside the text.
        self.facts = facts
