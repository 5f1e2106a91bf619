"""Says which process on which machine is meant, so that somebody on the same machine can tell whether it still runs."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# The fields of /proc/<process>/stat that follow the command in parentheses: the state is the first, the start time the twentieth.
_STATE, _START_TIME = 0, 19


def this_machine() -> str:
    """Names the boot of this machine and the name space of its process numbers; empty where neither can be told."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


@dataclass(frozen=True)
class ProcessIdentity:
    """A process number alone would not do: the kernel gives it to another process later on."""

    machine: str
    # The name that people give that machine.
    host: str
    process: int
    # The moment when the process started, in clock ticks since the machine did.
    started: int

    @classmethod
    def of(cls, process: int) -> ProcessIdentity:
        fields = _stat_fields(process)
        return cls(this_machine(), socket.gethostname(), process, int(fields[_START_TIME]) if fields else 0)

    @property
    def has_ended(self) -> bool | None:
        """Says whether the process has ended; None where nobody can tell from here, because it is on another machine."""
        if not self.machine or self.machine != this_machine():
            return None
        fields = _stat_fields(self.process)
        return not fields or fields[_STATE] in "ZX" or int(fields[_START_TIME]) != self.started


NOBODY = ProcessIdentity("", "", 0, 0)


def _stat_fields(process: int) -> list[str]:
    try:
        return (_PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
