"""What is wrong with a user's Compose file: all of it at once, each with its place and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


@dataclass(frozen=True)
class Problem:
    # The path in the file, such as `services.web.privileged`.
    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} - {self.remedy}"


@dataclass(frozen=True)
class Note:
    """Something that is done otherwise than the file says; nobody has to do anything about it."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def refuse(file: str, problems: Iterable[Problem]) -> None:
    found = list(dict.fromkeys(problems))
    if len(found) == 1:
        raise Refusal(f"{file}: {found[0].where}: {found[0].what}", found[0].remedy)
    if found:
        lines = "".join(f"\n  {problem}" for problem in found)
        raise Refusal(f"{file} has {len(found)} problems:{lines}\n", "correct these, then run this again")
