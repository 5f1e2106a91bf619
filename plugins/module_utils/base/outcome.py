"""What an operation on one thing did, in the form every module of the collection reports it."""

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
