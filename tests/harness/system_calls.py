"""`kill -9` of a process at a system call of one's choice.

strace delivers the signal when the call is entered, and the kernel then abandons the call: a kill at the next call
which changes state is therefore a kill after this one took effect, and a kill at `exit_group` comes after everything.
"""

from __future__ import annotations

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_WRITES = ["openat", "creat", "write", "pwrite64", "writev", "ftruncate", "truncate", "fallocate", "copy_file_range", "sendfile"]
_NAMES = ["mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "rmdir"]
_RENAMES = ["rename", "renameat", "renameat2"]
_MODES = ["chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "utimensat", "setxattr", "fsetxattr"]
_PERSISTS = ["fsync", "fdatasync", "flock", "fcntl"]
_TRACED = [*_WRITES, *_NAMES, *_RENAMES, *_MODES, *_PERSISTS, "exit_group"]
_LINE = re.compile(r"\d+ +(?P<name>\w+)\((?P<rest>.*)")
_KILLED = "+++ killed by SIGKILL +++"
# What differs from one run of the same operation to the next: generation numbers, random names, file descriptors.
_VARIES = re.compile(r"\d{6}|(?<=\.)\w{8}(?=\"|>)|(?<=\()\d+(?=<)|\"\d+\\n\"|= .*")


@dataclass(frozen=True)
class SystemCall:
    name: str
    # Among the calls of this name since the operation began.
    occurrence: int
    shown: str

    def __str__(self) -> str:
        return f"{self.name} number {self.occurrence}: {self.shown}"

    def is_like(self, other: SystemCall) -> bool:
        return _VARIES.sub("…", self.shown) == _VARIES.sub("…", other.shown)


class PausedProgram:
    """A Python program that says `ready` when all its imports are behind it, then waits for a line on standard input."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def calls(self, line: str, folder: Path, log: Path) -> list[SystemCall]:
        """Every call of the operation that changed something below the folder, then its end."""
        assert self._trace(line, log, []) == 0
        made = _read(log)
        assert made[-1].name == "exit_group", made[-1]
        touches = re.compile(re.escape(str(folder)) + r'[/">]')
        return [call for call in made[:-1] if touches.search(call.shown) and _changed_something(call)] + made[-1:]

    def kill_at(self, call: SystemCall, line: str, log: Path) -> None:
        code = self._trace(line, log, ["-e", f"inject={call.name}:signal=KILL:when={call.occurrence}"])
        assert code == -signal.SIGKILL, f"survived {call}"
        assert log.read_text().rstrip().endswith(_KILLED), f"survived {call}"
        assert _read(log)[-1].is_like(call), f"killed at {_read(log)[-1]} instead of {call}"

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _trace(self, line: str, log: Path, options: list[str]) -> int:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        command = ["strace", "-f", "-y", "-s", "80", "-o", str(log), "-e", f"trace={','.join(_TRACED)}", *options]
        tracer = subprocess.Popen([*command, "-p", str(self._process.pid)], stderr=subprocess.PIPE, text=True)
        assert tracer.stderr is not None
        attached = tracer.stderr.readline()
        assert "attached" in attached, attached
        self._process.communicate(line)
        tracer.communicate()
        return self._process.returncode


def _read(log: Path) -> list[SystemCall]:
    occurrences: Counter[str] = Counter()
    calls = []
    for line in log.read_text().splitlines():
        found = _LINE.match(line)
        if found:
            occurrences[found["name"]] += 1
            calls.append(SystemCall(found["name"], occurrences[found["name"]], f"{found['name']}({found['rest']}"))
    return calls


def _changed_something(call: SystemCall) -> bool:
    if " = -1 " in call.shown:
        return False
    if call.name == "openat":
        return "O_CREAT" in call.shown or "O_TRUNC" in call.shown
    return call.name != "fcntl"
