"""Something that stands in the way of a playbook: what is wrong and where, then what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    # What was looked at: the first word of the line.
    check: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.check}: {self.cause} - {self.remedy}"


# What only the controller sees; plugins/action/preflight.py looks at it.
OF_THE_CONTROLLER = ("versions", "files", "schedule", "database", "together", "clock")
_OF_THE_HOST = ("host", "root", "python", "engine", "compose", "disk", "memory", "names")
# Which playbook needs which check follows from what it does. `setup` may need what is not there yet, `change` needs all that works with
# containers, `urgent` only what it cannot do without, so that nothing closes the way back, and `look` goes on whatever is found.
NEEDED = {
    "setup": (*_OF_THE_HOST, "ports", *OF_THE_CONTROLLER),
    "change": (*_OF_THE_HOST, "versions", "files", "database", "together", "clock"),
    "urgent": ("root", "python", "names", "versions"),
    "look": (*_OF_THE_HOST, *OF_THE_CONTROLLER),
}
