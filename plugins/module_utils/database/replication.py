"""How a second server of an engine follows the first one, and how it takes over."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True)
class LogSlot:
    """SQL about what makes a primary keep its log until the replica has it."""

    # How many there are, and how many of them the replica is connected to.
    count: str
    count_active: str
    add: str
    # Removes one that lost the log that it kept, which is of no use any more.
    remove_useless: str
    remove: str


@dataclass(frozen=True)
class LogReader:
    """Reads the log of a server that does not run."""

    # A shell script that prints how many transactions follow; its arguments are the data directory and the place in the log.
    count_transactions: str
    # What the reader complains of where the log ends, as well as where it is damaged.
    end_of_log: re.Pattern[str]


class Replication(ABC):
    # SQL on the primary, and on the replica: where each is in the log.
    primary_position: ClassVar[str]
    replica_position: ClassVar[str]
    # SQL on the replica: whether it is being sent the log (1 or 0), whether it applies what it gets, where it is, for how many seconds it
    # has been behind, what is wrong. There is no row where it follows nobody.
    state: ClassVar[str]
    # SQL on the replica: it applies what it got; it gives 1 as soon as nothing is left to be applied; it becomes a primary.
    go_on_applying: ClassVar[str]
    all_applied: ClassVar[str]
    promote: ClassVar[str]
    # A shell script that copies the primary on host $1 into the folder $data.
    copy: ClassVar[str]
    # Folders that the script writes to besides /tmp; they are kept in memory.
    copy_writes_to: ClassVar[Sequence[str]] = ()
    # The copy is made from the primary's files, which have to be mounted for it.
    copies_files: ClassVar[bool] = False
    # None where the primary keeps its log anyway.
    slot: ClassVar[LogSlot | None] = None
    # None where only a server can read the log.
    log_reader: ClassVar[LogReader | None] = None
    # What the distance between two positions is counted in.
    unit: ClassVar[Literal["transactions", "bytes"]]

    @abstractmethod
    def distance(self, behind: str, ahead: str) -> int:
        """How many units one position is ahead of the other; negative where it is not."""

    def complaint(self, log: str) -> str:
        """What the log of a replica's container says of why it does not follow, where the server's answer does not."""
        return ""
