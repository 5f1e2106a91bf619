"""What a container costs beside its own processes, too: a health check is a program that the engine starts in it, by way of three others.

The kernel charges a container's control group with part of that only, so the processes are read: who has started whom is known.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.containers.client import docker_client

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_DAEMONS = ("dockerd", "containerd")
_PROJECT = "com.docker.compose.project"


@dataclass(frozen=True)
class Account:
    name: str
    project: str
    # The container's first process, and the shim that started it.
    process: int
    shim: int

    def own_seconds(self) -> float:
        return sum(_used(process) for process in _family(self.process))

    def check_seconds(self) -> float:
        """Of the shim and all that it started but the container's own processes, also of what has ended."""
        others = (process for child in _children(self.shim) if child != self.process for process in _family(child))
        return _used(self.shim) + sum(map(_used, others))


def running() -> dict[str, Account]:
    """All of this machine's containers, by name."""
    found: dict[str, Account] = {}
    for container in docker_client().containers.list():
        process = int(container.attrs["State"]["Pid"])
        project = container.labels.get(_PROJECT, "")
        name = str(container.name)
        found[name] = Account(name, project, process, int(_fields(process)[1]))
    return found


def engine_seconds() -> float:
    """Of the engine's daemons. What they have started and what has ended is a shim's: it is not in it."""
    daemons = [process for process in map(_number, _PROC.iterdir()) if process and _name(process) in _DAEMONS]
    return sum(sum(map(int, _fields(process)[11:13])) for process in daemons) / _TICKS


def _used(process: int) -> float:
    """With what it has started and what has ended."""
    try:
        return sum(map(int, _fields(process)[11:15])) / _TICKS
    except OSError:
        return 0.0


def _family(process: int) -> Iterator[int]:
    yield process
    for child in _children(process):
        yield from _family(child)


def _children(process: int) -> list[int]:
    try:
        return [int(child) for file in (_PROC / str(process) / "task").glob("*/children") for child in file.read_text().split()]
    except OSError:
        return []


def _fields(process: int) -> list[str]:
    """Of the process, from its state on: 1 is who started it, 11 to 14 are times."""
    return (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()


def _name(process: int) -> str:
    try:
        return (_PROC / str(process) / "comm").read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    return int(path.name) if path.name.isdecimal() else 0
